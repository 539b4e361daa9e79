import type { ParameterValue } from '@sluice/contracts';

/** A question without places, and at which JSON pointers values of parameters stand in it. */
export interface FilledQuestion {
  question: unknown;
  places: ReadonlyMap<string, string>;
}

/** The parameter that a part of a saved question stands for: `{"$param": name}` and nothing beside it. */
export function parameterOf(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null || !Object.hasOwn(part, '$param')) return undefined;
  const name = (part as { $param: unknown }).$param;
  return typeof name === 'string' && Object.keys(part).length === 1 ? name : undefined;
}

/** Every parameter that a saved question names, with where. */
export function* parametersIn(part: unknown, pointer = ''): Generator<{ name: string; pointer: string }> {
  const name = parameterOf(part);
  if (name !== undefined) {
    yield { name, pointer };
  } else if (typeof part === 'object' && part !== null) {
    for (const [key, value] of Object.entries(part)) {
      yield* parametersIn(value, `${pointer}/${escapePointer(key)}`);
    }
  }
}

/**
 * Puts values in their places. A value can be text, a number, a boolean or a list of these, so it can be compared with
 * something and never be a part of the question's form. A place without a value is left out, with its key or its item.
 */
export function fillParameters(
  template: unknown,
  values: ReadonlyMap<string, ParameterValue>,
): FilledQuestion {
  const places = new Map<string, string>();
  const OMIT = Symbol('omit');

  function fill(part: unknown, pointer: string): unknown {
    const name = parameterOf(part);
    if (name !== undefined) {
      places.set(pointer, name);
      return values.get(name) ?? OMIT;
    }
    if (Array.isArray(part)) {
      const items: unknown[] = [];
      for (const item of part as unknown[]) {
        const filled = fill(item, `${pointer}/${items.length}`);
        if (filled !== OMIT) items.push(filled);
      }
      return items;
    }
    if (typeof part !== 'object' || part === null) return part;
    const entries = Object.entries(part).map(
      ([key, value]) => [key, fill(value, `${pointer}/${escapePointer(key)}`)] as const,
    );
    return Object.fromEntries(entries.filter(([, value]) => value !== OMIT));
  }

  return { question: fill(template, ''), places };
}

/** A key as a part of a JSON pointer (RFC 6901). */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
