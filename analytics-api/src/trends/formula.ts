import { SluiceError } from '@sluice/contracts';

/** A formula that was read: its value for the values of the series, in their order. Null where one that it needs is null, or by division by zero. */
export type Formula = (values: readonly (number | null)[]) => number | null;

const MAX_DEPTH = 50;

/**
 * Reads arithmetic over series: `A / (B + C) * 100`. Letters name series in their order.
 *
 *     sum    = product { ("+" | "-") product }
 *     product = factor { ("*" | "/") factor }
 *     factor = "-" factor | number | letter | "(" sum ")"
 *
 * @throws SluiceError invalid_query with the place of the fault.
 */
export function readFormula(text: string, seriesCount: number, field: string): Formula {
  let at = 0;
  let depth = 0;

  function fail(message: string): never {
    throw new SluiceError('invalid_query', {
      message: `${message} at character ${at + 1} of "${text}"`,
      field,
    });
  }
  function skipSpace(): void {
    while (text[at] === ' ') at += 1;
  }
  function take(characters: string): string | undefined {
    skipSpace();
    const next = text[at];
    if (next === undefined || !characters.includes(next)) return undefined;
    at += 1;
    return next;
  }

  function chain(operand: () => Formula, operators: string): Formula {
    let left = operand();
    for (;;) {
      const operator = take(operators);
      if (operator === undefined) return left;
      left = combine(operator, left, operand());
    }
  }
  const sum = (): Formula => chain(product, '+-');
  const product = (): Formula => chain(factor, '*/');

  function factor(): Formula {
    depth += 1;
    if (depth > MAX_DEPTH) fail('Nested too deeply');
    try {
      if (take('-') !== undefined) {
        const inner = factor();
        return (values) => finite(inner(values), (value) => -value);
      }
      if (take('(') !== undefined) {
        const inner = sum();
        if (take(')') === undefined) fail('A closing parenthesis is missing');
        return inner;
      }
      skipSpace();
      const number = /^\d+(\.\d+)?/.exec(text.slice(at))?.[0];
      if (number !== undefined) {
        at += number.length;
        const value = Number(number);
        return () => value;
      }
      return series();
    } finally {
      depth -= 1;
    }
  }

  function series(): Formula {
    const letter = text[at];
    if (letter === undefined) fail('A number or a series is missing');
    const index = letter.toUpperCase().charCodeAt(0) - 65;
    if (!/^[a-z]$/i.test(letter)) fail('There must be a number or a letter');
    if (index >= seriesCount) fail(`There is no series ${letter.toUpperCase()}`);
    at += 1;
    return (values) => values[index] ?? null;
  }

  const formula = sum();
  skipSpace();
  if (at < text.length) fail('There must be an operator');
  return formula;
}

function combine(operator: string, left: Formula, right: Formula): Formula {
  return (values) =>
    finite(left(values), (a) =>
      finite(right(values), (b) => {
        if (operator === '+') return a + b;
        if (operator === '-') return a - b;
        return operator === '*' ? a * b : a / b;
      }),
    );
}

function finite(value: number | null, then: (value: number) => number | null): number | null {
  const result = value === null ? null : then(value);
  return result !== null && Number.isFinite(result) ? result : null;
}
