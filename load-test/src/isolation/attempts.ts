import { controlFor, GUESSES, INJECTIONS, STRANGE_KEYS } from './payloads.js';

export type Path = readonly (string | number)[];

/** A place in a request, and what is put there. */
export interface Attempt {
  path: Path;
  body: unknown;
  /** What was put there; undefined where it must be refused whatever it says. */
  text: string | undefined;
  /** The same request with text that means nothing; undefined where the attempt must be refused outright. */
  control: unknown;
}

/** Every attempt on one request: each text in place of each value, and each strange key beside the known ones. */
export function* attemptsOn(request: unknown): Generator<Attempt> {
  for (const { path, value } of leaves(request)) {
    // Where a number or a truth value stands, text has a place only among the values of a condition.
    const texts = typeof value === 'string' ? [...GUESSES, ...INJECTIONS] : [GUESSES[0]!, INJECTIONS[0]!];
    for (const text of texts) {
      const control = controlFor(text);
      yield { path, text, body: replaced(request, path, text), control: replaced(request, path, control) };
    }
  }
  for (const path of objects(request)) {
    for (const key of STRANGE_KEYS) {
      yield { path: [...path, key], text: undefined, body: withKey(request, path, key), control: undefined };
    }
  }
}

function* leaves(value: unknown, path: Path = []): Generator<{ path: Path; value: unknown }> {
  if (typeof value !== 'object' || value === null) {
    yield { path, value };
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* leaves(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

function* objects(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield path;
  for (const [key, inner] of Object.entries(value)) {
    yield* objects(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value))
    return (value as unknown[]).with(key as number, replaced(value[key as number], rest, by));
  return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, by) };
}

function withKey(value: unknown, path: Path, key: string): unknown {
  const at = path.reduce<unknown>((inner, step) => (inner as Record<string | number, unknown>)[step], value);
  // As text, because an object of ours would take `__proto__` for something else.
  const json = JSON.stringify(at);
  const marked = `{${JSON.stringify(key)}:1${json === '{}' ? '' : ','}${json.slice(1)}`;
  return new RawJson(path, value, marked);
}

/** A body in which one object is written by hand. */
export class RawJson {
  constructor(
    readonly path: Path,
    readonly value: unknown,
    readonly text: string,
  ) {}

  toText(): string {
    const mark = '\u0001';
    return JSON.stringify(replaced(this.value, this.path, mark)).replace(
      JSON.stringify(mark),
      () => this.text,
    );
  }
}

export function bodyText(body: unknown): string {
  return body instanceof RawJson ? body.toText() : JSON.stringify(body);
}
