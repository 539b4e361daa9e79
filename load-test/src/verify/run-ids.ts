import { randomBytes } from 'node:crypto';

/**
 * Message ids that carry the number of their message: UUIDv7s with 34 bits that name the run and 40 bits that count. So
 * what was accepted and what was stored can be compared one by one, in a byte a message.
 */
export interface RunIds {
  /** 9 hexadecimal digits. */
  readonly run: string;
  /** The id of message number `n`; `instantMs` goes into its time bits. */
  idOf(n: number, instantMs: number): string;
  /** The number of a message of this run, whatever stands before the UUID; undefined for any other id. */
  numberOf(messageId: string): number | undefined;
}

const LARGEST = 2 ** 40;
/** 12 bits of rand_a and the first 22 of rand_b name the run: `7RRR-VRRR-RR…`, V holding two of them. */
const RUN_DIGITS = 9;

export function createRunIds(run = newRun()): RunIds {
  if (!/^[0-9a-f]{9}$/.test(run)) throw new RangeError('A run is named by 9 hexadecimal digits.');
  // Digit 3 is cut to two bits by the variant.
  const variant = (8 + (Number.parseInt(run[3] ?? '0', 16) & 3)).toString(16);
  const marked = `7${run.slice(0, 3)}-${variant}${run.slice(4, 7)}-${run.slice(7, 9)}`;
  return {
    run,
    idOf(n, instantMs) {
      if (!(n >= 0 && n < LARGEST)) throw new RangeError(`No message can have the number ${n}.`);
      const time = Math.floor(instantMs).toString(16).padStart(12, '0');
      return `${time.slice(0, 8)}-${time.slice(8)}-${marked}${n.toString(16).padStart(10, '0')}`;
    },
    numberOf(messageId) {
      const uuid = messageId.slice(-36);
      if (uuid.length !== 36 || uuid.slice(14, 26) !== marked) return undefined;
      const digits = uuid.slice(26);
      return /^[0-9a-f]{10}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
    },
  };
}

function newRun(): string {
  return randomBytes(5).toString('hex').slice(0, RUN_DIGITS);
}

/** The run that made an id; undefined when none did. */
export function runOf(messageId: string): RunIds | undefined {
  const match = /-7([0-9a-f]{3})-([89ab])([0-9a-f]{3})-([0-9a-f]{2})[0-9a-f]{10}$/.exec(messageId);
  if (match === null) return undefined;
  const [, first, variant, middle, last] = match;
  return createRunIds(`${first}${variant}${middle}${last}`);
}

/** The instant in an id's time bits, milliseconds since the epoch. */
export function instantOf(messageId: string): number {
  return Number.parseInt(messageId.slice(-36).replace('-', '').slice(0, 12), 16);
}
