/** As much of vitest as a contract suite needs, for suites that run where vitest does not: in a page. */

export interface Outcome {
  name: string;
  /** Why it failed. */
  error?: string;
}

const tests: { name: string; run: () => unknown }[] = [];

export function describe(_name: string, define: () => void): void {
  define();
}

export function it(name: string, run: () => unknown): void {
  tests.push({ name, run });
}

export function expect(actual: unknown) {
  const compare = (expected: unknown): void => {
    if (textOf(actual) !== textOf(expected))
      throw new Error(`expected ${textOf(expected)}, got ${textOf(actual)}`);
  };
  return {
    toBe: compare,
    toEqual: compare,
    toHaveLength: (length: number) => {
      if ((actual as unknown[]).length !== length) throw new Error(`expected ${length} of ${textOf(actual)}`);
    },
  };
}

/** Equal values have equal texts, in whatever order their members are. */
function textOf(value: unknown): string {
  if (value instanceof Set) return `Set${textOf([...value].sort())}`;
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members
    .map(([key, member]) => `${key}:${textOf(member)}`)
    .sort()
    .join()}}`;
}

export async function runTests(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, run } of tests.splice(0)) {
    try {
      await run();
      outcomes.push({ name });
    } catch (error) {
      outcomes.push({ name, error: String(error) });
    }
  }
  return outcomes;
}
