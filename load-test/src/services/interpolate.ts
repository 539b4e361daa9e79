/** A variable that the file demands, or a `$` that means nothing. */
export class InterpolationError extends Error {
  override name = 'InterpolationError';
}

/**
 * Replaces the variables of a text as Compose does: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`,
 * `${NAME:?message}`, `${NAME?message}`, `${NAME:+other}`, `${NAME+other}`, each of which may hold others; `$$` is a `$`.
 * Source: the Compose specification, interpolation.
 * @throws InterpolationError
 */
export function interpolate(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  let at = 0;

  function readUntil(end: '}' | undefined, isWanted: boolean): string {
    let result = '';
    while (at < text.length) {
      const character = text[at]!;
      if (character === end) {
        at++;
        return result;
      }
      at++;
      result += character === '$' ? readVariable(isWanted) : character;
    }
    if (end !== undefined) throw new InterpolationError(`a \${ is not closed in ${JSON.stringify(text)}`);
    return result;
  }

  function readVariable(isWanted: boolean): string {
    if (text[at] === '$') {
      at++;
      return '$';
    }
    const braced = text[at] === '{';
    if (braced) at++;
    const [name] = /^[A-Za-z_]\w*/.exec(text.slice(at)) ?? [];
    if (name === undefined) throw new InterpolationError(`a $ without a name in ${JSON.stringify(text)}`);
    at += name.length;
    const value = environment[name];
    if (!braced) return value ?? '';
    const [operator = ''] = /^:?[-?+]/.exec(text.slice(at)) ?? [];
    at += operator.length;
    const isThere = value !== undefined && !(operator.startsWith(':') && value === '');
    const kind = operator.at(-1);
    // What is not taken is read all the same, to find its end; a variable that is demanded only there is not missed.
    const isOperandWanted = isWanted && (kind === '+' ? isThere : !isThere);
    const operand = readUntil('}', isOperandWanted);
    if (kind === '+') return isThere ? operand : '';
    if (isThere) return value;
    if (kind === '?' && isWanted) throw new InterpolationError(`${name} is required: ${operand}`);
    return kind === '-' ? operand : '';
  }

  return readUntil(undefined, true);
}

/** The same for every text in a document. */
export function interpolateDocument(
  document: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): unknown {
  if (typeof document === 'string') return interpolate(document, environment);
  if (Array.isArray(document)) return document.map((item) => interpolateDocument(item, environment));
  if (document === null || typeof document !== 'object') return document;
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, interpolateDocument(value, environment)]),
  );
}
