import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { insertableJson, isReadableProperty, propertyColumn, type PropertyType } from '../src/index.js';
import {
  createTestDatabase,
  openTestClickHouse,
  type TestClickHouse,
  type TestDatabase,
} from '../src/testing/index.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Keys that a naive reading of paths would trip over. */
const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', '.', 'a', 'a.b', 'b', 'a.', '.a', '`', '`a`', '\\', "'", '"', '^a', '^`a`', ':`Int64`'),
  fc.constantFrom(
    ':Int64',
    'null',
    'size0',
    '[]',
    '{p:String}',
    '--',
    '/*',
    ';',
    '%',
    '%25',
    '\n',
    '\0',
    '$',
    '?',
  ),
  fc.constantFrom('__proto__', 'constructor', 'DROP TABLE events', 'é', '😀', '‮', ' ', 'a b'),
);

const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e300, -1e300, 5e-324, 2 ** 53 - 1, -(2 ** 53), 2 ** 63, 2 ** 64, 1e20, -1e20, 0.1),
);

const leaf = fc.oneof(
  number,
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('2026-01-01', '2026-01-01T00:00:00Z', '1', 'true', '\\N', '\t', 'x'.repeat(100_000)),
);

const { value } = fc.letrec<{ value: Json; object: Record<string, Json>; list: Json[] }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('object'), tie('list')),
  object: fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  list: fc.array(tie('value'), { maxLength: 5 }),
}));

const properties = fc.oneof(
  fc.dictionary(key, value, { maxKeys: 8 }),
  fc.dictionary(key, value, { maxKeys: 8 }),
  fc.integer({ min: 1, max: 31 }).map((depth) => nested(depth, (inner) => ({ a: inner }))),
  fc.integer({ min: 1, max: 30 }).map((depth) => ({ a: nested(depth, (inner) => [inner]) })),
);

function nested(depth: number, wrap: (inner: Json) => Json): Record<string, Json> {
  let inner: Json = 1;
  for (let i = 1; i < depth; i++) inner = wrap(inner);
  return { a: inner };
}

describe('properties', () => {
  let postgres: TestDatabase;
  let clickhouse: TestClickHouse;
  let nextProject = 0;

  beforeAll(async () => {
    postgres = await createTestDatabase(inject('postgresUrl'));
    clickhouse = await openTestClickHouse(postgres.pool);
  });

  afterAll(async () => {
    await clickhouse.drop();
    await postgres.drop();
  });

  async function insert(rows: readonly Record<string, Json>[]): Promise<number> {
    const projectId = ++nextProject;
    await clickhouse.client.exec({
      query: `INSERT INTO ${clickhouse.database(1)}.events FORMAT JSONEachRow`,
      values: Readable.from(
        rows.map((row, i) => {
          const event = {
            project_id: projectId,
            event_id: randomUUID(),
            batch_id: projectId,
            received_at: '2026-03-01T00:00:00.000Z',
            timestamp: '2026-03-01T00:00:00.000Z',
            message_id: String(i),
            properties: row,
          };
          return `${insertableJson(JSON.stringify(event))}\n`;
        }),
        { objectMode: false },
      ),
      clickhouse_settings: { ...clickhouse.insertSettings, insert_deduplication_token: `p${projectId}` },
    });
    return projectId;
  }

  async function read(projectId: number, expressions: readonly string[]): Promise<unknown[][]> {
    const result = await clickhouse.client.query({
      query: `select ${expressions.map((expression, i) => `${expression} as v${i}`).join(', ')}
              from ${clickhouse.database(1)}.events as e
              where project_id = {project: UInt32} order by toUInt32(message_id)`,
      query_params: { project: projectId },
      format: 'JSONCompactEachRow',
    });
    return result.json<unknown[]>();
  }

  it('of any JSON go in, whatever their neighbours in the batch hold, and every value is read back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(properties, { minLength: 1, maxLength: 12 }), async (given) => {
        const rows = given.map((row) => JSON.parse(JSON.stringify(row)) as Record<string, Json>);
        const projectId = await insert(rows);
        const leaves = rows
          .flatMap((row) => leavesOf(row))
          .filter(({ path }) => isReadableProperty(path))
          .slice(0, 15);
        if (leaves.length === 0) return;
        const types = ['string', 'number', 'boolean'] as const;
        const wishes = leaves.flatMap(({ path }) => types.map((as) => ({ path, as })));
        const stored = await read(
          projectId,
          wishes.map(({ path, as }) => propertyColumn(path, as, 'e')),
        );
        expect(stored).toHaveLength(rows.length);
        for (const [i, row] of rows.entries()) {
          for (const [k, { path, as }] of wishes.entries()) {
            if (isShadowed(row, path)) continue;
            const given = valueAt(row, path);
            const found = stored[i]?.[k];
            // A number has more than one text.
            const comparable =
              as === 'string' && typeof given === 'number' && typeof found === 'string'
                ? Number(found)
                : found;
            expect(comparable, JSON.stringify({ as, path, row })).toEqual(wanted(given, as));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('of more keys than the column keeps apart are all read back', async () => {
    const row = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`key ${i}`, i]));
    const projectId = await insert([row]);
    const names = ['key 0', 'key 999', 'key 1999'];
    expect(
      await read(
        projectId,
        names.map((name) => propertyColumn([name], 'number')),
      ),
    ).toEqual([[0, 999, 1999]]);
  });

  it('with a dot in a key stay apart from nested ones', async () => {
    const projectId = await insert([{ 'a.b': 1, a: { b: 2, 'c.d': 3 } }]);
    expect(
      await read(projectId, [
        propertyColumn(['a.b'], 'number'),
        propertyColumn(['a', 'b'], 'number'),
        propertyColumn(['a', 'c.d'], 'number'),
        propertyColumn(['a', 'c', 'd'], 'number'),
      ]),
    ).toEqual([[1, 2, 3, null]]);
  });

  it('that look like dates stay the text they were', async () => {
    const projectId = await insert([{ at: '2026-01-01T00:00:00Z', day: '2026-01-01' }]);
    expect(
      await read(projectId, [propertyColumn(['at'], 'string'), propertyColumn(['day'], 'string')]),
    ).toEqual([['2026-01-01T00:00:00Z', '2026-01-01']]);
  });

  it('that are objects, lists or absent read as null', async () => {
    const projectId = await insert([{ list: [1], object: { a: 1 }, nothing: null }]);
    const columns = ['list', 'object', 'nothing', 'absent'].map((name) => propertyColumn([name], 'string'));
    expect(await read(projectId, columns)).toEqual([[null, null, null, null]]);
  });
});

interface Leaf {
  path: string[];
}

/** Paths of everything that is not an object, in objects only: lists are read whole. */
function leavesOf(value: Record<string, Json>, before: string[] = []): Leaf[] {
  return Object.entries(value).flatMap(([name, item]) =>
    isObject(item) ? leavesOf(item, [...before, name]) : [{ path: [...before, name] }],
  );
}

function valueAt(row: Record<string, Json>, path: readonly string[]): Json | undefined {
  let value: Json | undefined = row;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

/** Two keys of one object that are one key once dots are escaped. */
function isShadowed(row: Record<string, Json>, path: readonly string[]): boolean {
  return path.some((name) => name.includes('%2E')) || JSON.stringify(row).includes('%2E');
}

function isObject(value: Json | undefined): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wanted(value: Json | undefined, as: PropertyType): Json {
  // There is one zero: a negative one comes back as 0.
  if (typeof value === 'number') return as === 'boolean' ? null : value + 0;
  if (typeof value === 'boolean') return as === 'boolean' ? value : as === 'string' ? String(value) : null;
  return typeof value === 'string' && as === 'string' ? value : null;
}
