import {
  querySchema,
  REQUEST_KEYS,
  SluiceError,
  type Parameter,
  type ParameterValue,
  type Query,
  type SavedDefinition,
} from '@sluice/contracts';
import { escapePointer, fillParameters, parametersIn, type FilledQuestion } from './fill-parameters.js';
import { invalid } from './read-parameters.js';

/**
 * The question that a saved query is with these values.
 * @throws SluiceError invalid_parameter when a value makes no question: what was saved did with other values.
 */
export function questionWith(
  saved: Pick<SavedDefinition, 'query'>,
  values: ReadonlyMap<string, ParameterValue>,
): Query {
  const filled = fillParameters(saved.query, values);
  const result = parse(filled);
  if ('query' in result) return result.query;
  const { name, message, pointer } = result;
  if (name !== undefined) throw invalid(name, message);
  throw new SluiceError('invalid_parameter', { message: `${pointer}: ${message}` });
}

/**
 * Checks what shall be saved: every place has a parameter and every parameter a place, and it is a question with each of
 * the values that may be, with the defaults, and where values are left out.
 * @throws SluiceError invalid_query, `field` points into what was sent.
 */
export function checkSaved({ query, parameters }: SavedDefinition): void {
  for (const key of REQUEST_KEYS) {
    if (Object.hasOwn(query, key)) {
      throw refuse(`/query/${key}`, 'says how a request is run: it is no part of what is saved');
    }
  }
  const used = new Set<string>();
  for (const { name, pointer } of parametersIn(query)) {
    used.add(name);
    if (!Object.hasOwn(parameters, name)) throw refuse(`/query${pointer}`, `names no parameter: ${name}`);
  }
  for (const name of Object.keys(parameters)) {
    if (!used.has(name)) throw refuse(`/parameters/${name}`, 'stands nowhere in the query');
  }
  for (const values of samples(parameters)) {
    const result = parse(fillParameters(query, values));
    if ('query' in result) continue;
    const { pointer, name, message } = result;
    const sample = name === undefined ? undefined : values.get(name);
    const said = sample === undefined ? message : `${message} (with ${name!} = ${JSON.stringify(sample)})`;
    throw refuse(`/query${pointer}`, said);
  }
}

const SAMPLES: Readonly<Record<Parameter['type'], ParameterValue>> = {
  string: 'sample',
  number: 1,
  boolean: true,
  date: '2024-01-01',
  'string[]': ['sample'],
  'number[]': [1],
};

/** Values to try: the usual ones, those with one of the other allowed values each, and those without what may be missing. */
function* samples(
  parameters: Readonly<Record<string, Parameter>>,
): Generator<ReadonlyMap<string, ParameterValue>> {
  const entries = Object.entries(parameters);
  const inList = (type: Parameter['type'], value: string | number): ParameterValue =>
    type.endsWith('[]') ? ([value] as string[]) : value;
  const usual = new Map(
    entries.map(([name, parameter]) => [name, parameter.default ?? firstOf(parameter)] as const),
  );
  yield usual;
  for (const [name, { type, enum: allowed = [] }] of entries) {
    for (const value of allowed) yield new Map(usual).set(name, inList(type, value));
  }
  yield new Map(
    [...usual].filter(
      ([name]) => parameters[name]!.default !== undefined || parameters[name]!.required !== false,
    ),
  );

  function firstOf({ type, enum: allowed }: Parameter): ParameterValue {
    return allowed === undefined ? SAMPLES[type] : inList(type, allowed[0]!);
  }
}

type Parsed = { query: Query } | { pointer: string; message: string; name: string | undefined };

function parse({ question, places }: FilledQuestion): Parsed {
  const result = querySchema.safeParse(question);
  if (result.success) return { query: result.data };
  const issue = result.error.issues[0]!;
  const pointer = issue.path.map((key) => `/${escapePointer(String(key))}`).join('');
  // A value is at fault where it stands there, or where the fault lies in something that it is a part of.
  const isWithin = (inner: string, outer: string): boolean =>
    inner === outer || inner.startsWith(`${outer}/`);
  const place =
    [...places].find(([at]) => isWithin(pointer, at)) ?? [...places].find(([at]) => isWithin(at, pointer));
  return { pointer, message: issue.message, name: place?.[1] };
}

function refuse(field: string, message: string): SluiceError {
  return new SluiceError('invalid_query', { message: `${field}: ${message}`, field });
}
