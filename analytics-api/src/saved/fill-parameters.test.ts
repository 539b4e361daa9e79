import { savedInputSchema, SluiceError, type Parameter, type SavedInput } from '@sluice/contracts';
import { describe, expect, it } from 'vitest';
import { fillParameters } from './fill-parameters.js';
import { readParameters } from './read-parameters.js';
import { checkSaved, questionWith } from './saved-question.js';

const $ = (name: string) => ({ $param: name });

function faultOf(work: () => unknown): { code: string; field: string | undefined } | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof SluiceError) return { code: error.code, field: error.field };
    throw error;
  }
  return undefined;
}

describe('values', () => {
  it('take the places of parameters, and what has none is left out with its key or item', () => {
    const template = { a: $('x'), b: [1, $('y'), { c: $('z') }], d: { e: $('y') } };
    const { question, places } = fillParameters(
      template,
      new Map<string, string | number[]>([
        ['x', 'text'],
        ['z', [1, 2]],
      ]),
    );
    expect(question).toEqual({ a: 'text', b: [1, { c: [1, 2] }], d: {} });
    expect(places.get('/b/1/c')).toBe('z');
  });

  it('that look like places are no places', () => {
    const { question } = fillParameters({ a: $('x') }, new Map([['x', '{"$param":"y"}']]));
    expect(question).toEqual({ a: '{"$param":"y"}' });
  });
});

describe('parameters of an address', () => {
  const declared = (more: Partial<Parameter> & { type: Parameter['type'] }): Record<string, Parameter> => ({
    p: { description: '', ...more },
  });

  it.each([
    ['string', 'a', 'a'],
    ['string', '1', '1'],
    ['number', '-1.5e2', -150],
    ['boolean', 'false', false],
    ['date', '2024-02-29', '2024-02-29'],
    ['string[]', 'a', ['a']],
    ['string[]', ['a', 'b'], ['a', 'b']],
    ['number[]', ['1', '2'], [1, 2]],
  ] as const)('of the type %s read %j as %j', (type, given, value) => {
    expect(readParameters(declared({ type }), { p: given }).get('p')).toEqual(value);
  });

  it.each([
    ['number', 'one'],
    ['number', ''],
    ['number', '0x10'],
    ['number', 'Infinity'],
    ['number', '1e999'],
    ['boolean', '1'],
    ['date', 'yesterday'],
    ['string', ['a', 'b']],
    ['string', 'a\0'],
    ['number[]', ['1', 'x']],
  ] as const)('of the type %s refuse %j', (type, given) => {
    expect(faultOf(() => readParameters(declared({ type }), { p: given }))).toEqual({
      code: 'invalid_parameter',
      field: '/p',
    });
  });

  it('must be declared, given where they are required, and among the allowed values', () => {
    const fault = { code: 'invalid_parameter', field: '/p' };
    expect(faultOf(() => readParameters({}, { p: 'a' }))).toEqual(fault);
    expect(faultOf(() => readParameters(declared({ type: 'string' }), {}))).toEqual(fault);
    const oneOf = declared({ type: 'string[]', enum: ['a', 'b'] });
    expect(faultOf(() => readParameters(oneOf, { p: ['a', 'c'] }))).toEqual(fault);
    expect(readParameters(oneOf, { p: ['b'] }).get('p')).toEqual(['b']);
    expect(readParameters(declared({ type: 'string', required: false }), {}).size).toBe(0);
    expect(readParameters(declared({ type: 'number', default: 7 }), {}).get('p')).toBe(7);
  });
});

describe('what is saved', () => {
  const save = (input: SavedInput) => checkSaved(savedInputSchema.parse(input));
  const trends = (more: object) => ({ kind: 'trends', ...more });

  it('is a question with its defaults, with every allowed value, and without what may be missing', () => {
    save({
      query: trends({
        interval: $('interval'),
        from: $('from'),
        filters: [{ column: 'country', operator: 'is', values: $('countries') }],
      }),
      parameters: {
        interval: { type: 'string', enum: ['day', 'week'], default: 'week' },
        from: { type: 'date', required: false },
        countries: { type: 'string[]' },
      },
    });
    const interval = { type: 'string' as const, enum: ['day', 'fortnight'] };
    expect(
      faultOf(() => save({ query: trends({ interval: $('interval') }), parameters: { interval } })),
    ).toEqual({
      code: 'invalid_query',
      field: '/query/interval',
    });
    const values = { type: 'string[]', required: false } as const;
    const filter = { column: 'country', operator: 'is', values: $('values') };
    expect(
      faultOf(() => save({ query: trends({ filters: [filter] }), parameters: { values } })),
    ).toMatchObject({
      code: 'invalid_query',
    });
  });

  it('names only parameters that it declares, and declares none that it does not name', () => {
    expect(faultOf(() => save({ query: trends({ from: $('since') }) }))).toEqual({
      code: 'invalid_query',
      field: '/query/from',
    });
    expect(faultOf(() => save({ query: trends({}), parameters: { since: { type: 'date' } } }))).toEqual({
      code: 'invalid_query',
      field: '/parameters/since',
    });
  });

  it('does not say how a request is run', () => {
    expect(faultOf(() => save({ query: trends({ dry_run: true }) }))).toEqual({
      code: 'invalid_query',
      field: '/query/dry_run',
    });
  });

  it('names the parameter whose value makes no question', () => {
    const saved = { query: trends({ from: '2024-01-01', series: [{ event: $('event') }] }) };
    expect(questionWith(saved, new Map([['event', 'buy']]))).toMatchObject({ series: [{ event: 'buy' }] });
    expect(faultOf(() => questionWith(saved, new Map([['event', '']])))).toEqual({
      code: 'invalid_parameter',
      field: '/event',
    });
  });
});

describe('a declaration', () => {
  it.each([
    { type: 'number', default: 'x' },
    { type: 'string', default: ['x'] },
    { type: 'string', enum: ['a'], default: 'b' },
    { type: 'number', enum: ['a'] },
    { type: 'boolean', enum: ['true'] },
    { type: 'string', default: 'a', required: true },
  ] as const)('%j is refused', (parameter) => {
    expect(savedInputSchema.safeParse({ query: {}, parameters: { p: parameter } }).success).toBe(false);
  });

  it('has a name that the address has not taken', () => {
    for (const name of ['version', 'Upper', '1st', 'a-b']) {
      const parameters = JSON.parse(`{${JSON.stringify(name)}:{"type":"string"}}`) as object;
      expect(savedInputSchema.safeParse({ query: {}, parameters }).success, name).toBe(false);
    }
  });
});
