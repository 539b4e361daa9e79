/** Two texts that a page and an instance have at the same place, and that both name something. */
export interface Renamed {
  shown: string;
  actual: string;
}

/** Names that differ from one instance to the next, and that later blocks of a page may use. */
const NAMES = new Set([
  'watermark',
  'message_id',
  'event_id',
  'anomaly_id',
  'job_id',
  'cursor',
  'next_cursor',
]);

/**
 * Compares an answer with the one a page shows, by shape: every field that the page shows is there, with the same type. What
 * the page leaves out is not looked at; of a list, the first elements are compared.
 */
export function compareShape(
  shown: unknown,
  actual: unknown,
  path = '',
): { faults: string[]; renamed: Renamed[] } {
  const faults: string[] = [];
  const renamed: Renamed[] = [];
  walk(shown, actual, path);
  return { faults, renamed };

  function walk(left: unknown, right: unknown, at: string): void {
    if (typeOf(left) !== typeOf(right)) {
      faults.push(`${at === '' ? 'the answer' : at} is ${typeOf(right)} and not ${typeOf(left)}`);
      return;
    }
    if (Array.isArray(left)) {
      const list = right as unknown[];
      if (list.length < left.length) faults.push(`${at} has ${list.length} elements and not ${left.length}`);
      else left.forEach((element, n) => walk(element, list[n], `${at}[${n}]`));
      return;
    }
    if (typeof left === 'object' && left !== null) {
      for (const [name, value] of Object.entries(left)) {
        const inner = at === '' ? name : `${at}.${name}`;
        if (!Object.hasOwn(right as object, name)) faults.push(`${inner} is missing`);
        else walk(value, (right as Record<string, unknown>)[name], inner);
      }
      return;
    }
    const name = at.slice(at.lastIndexOf('.') + 1);
    if (typeof left === 'string' && NAMES.has(name)) renamed.push({ shown: left, actual: right as string });
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/**
 * Lines of a shown output that the actual one does not have, in this order. Numbers count as numbers, whatever they are; a
 * line of `…` or `...` stands for any lines.
 */
export function missingLines(shown: string, actual: string): string[] {
  const lines = actual.split('\n').map(blurred);
  let from = 0;
  return shown
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*(…|\.\.\.)\s*$/.test(line))
    .filter((line) => {
      const found = lines.indexOf(blurred(line), from);
      if (found === -1) return true;
      from = found + 1;
      return false;
    });
}

/** A line without what differs from run to run. */
function blurred(line: string): string {
  return line
    .replaceAll(/\b[wra]k_[\w…-]+/g, 'key')
    .replaceAll(/\b\d[\d,.:]*(e[+-]?\d+)?/g, '#')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
