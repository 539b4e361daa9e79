import { SluiceError } from '@sluice/contracts';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Decides whether a request may come in, and knows what is inside. */
export interface Admission {
  /** @throws SluiceError shutting_down, overloaded */
  enter(): void;
  leave(): void;
  /** Accounts for bytes kept in memory; give them back with a negative count. */
  hold(bytes: number): void;
  readonly heldBytes: number;
  readonly isClosing: boolean;
  /** Lets nobody in any more; resolves when the last one has left. */
  close(): Promise<void>;
  /** Ends the watch over the event loop. */
  dispose(): void;
}

export interface AdmissionOptions {
  maxInFlightBytes: number;
  /** Mean delay beyond which requests are refused, milliseconds; 0: never. */
  maxEventLoopDelayMs: number;
}

const SAMPLE_MS = 500;
const RESOLUTION_MS = 20;
const RETRY_AFTER_SECONDS = 2;

export function createAdmission({ maxInFlightBytes, maxEventLoopDelayMs }: AdmissionOptions): Admission {
  let inside = 0;
  let heldBytes = 0;
  let closing = false;
  let delayed = false;
  let onEmpty: (() => void) | undefined;
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const sampler = setInterval(() => {
    const meanMs = delay.count === 0 ? 0 : delay.mean / 1e6 - RESOLUTION_MS;
    delayed = maxEventLoopDelayMs > 0 && meanMs > maxEventLoopDelayMs;
    delay.reset();
  }, SAMPLE_MS);
  sampler.unref();

  return {
    enter() {
      if (closing) throw new SluiceError('shutting_down', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      if (heldBytes > maxInFlightBytes || delayed) {
        throw new SluiceError('overloaded', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      inside++;
    },
    leave() {
      inside--;
      if (inside === 0) onEmpty?.();
    },
    hold(bytes) {
      heldBytes += bytes;
    },
    get heldBytes() {
      return heldBytes;
    },
    get isClosing() {
      return closing;
    },
    async close() {
      closing = true;
      if (inside > 0) await new Promise<void>((resolve) => (onEmpty = resolve));
    },
    dispose() {
      clearInterval(sampler);
      delay.disable();
    },
  };
}
