import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClickHouseLogin,
  createGeneration,
  grantClickHouseAccess,
  managesAccess,
  type ClickHouse,
} from '../src/index.js';
import { replicatedLayout } from '../src/clickhouse/table-layout.js';
import { openTestClickHouse, type TestClickHouse } from '../src/testing/index.js';

let engine: TestClickHouse;

beforeAll(async () => {
  engine = await openTestClickHouse();
});

afterAll(() => engine.drop());

/** The engine, telling what it is asked to do: it parses and refuses, or answers for a server that lets this login say who may do what. */
function recorded(options: {
  grants: boolean;
  layout?: ClickHouse['layout'];
}): ClickHouse & { statements: string[] } {
  const statements: string[] = [];
  const client = new Proxy(engine.client, {
    get(target, name, receiver) {
      if (name === 'command') {
        return ({ query }: { query: string }) => {
          statements.push(query.replace(/\s+/g, ' ').trim());
          return Promise.resolve();
        };
      }
      if (name === 'exec' && options.grants) {
        return () => Promise.resolve({ stream: Readable.from([Buffer.from('1\n')]) });
      }
      if (name === 'query' && options.grants) {
        return () => Promise.resolve({ json: () => Promise.resolve([]) });
      }
      if (name === 'insert') return () => Promise.resolve();
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
  return { ...engine, client, layout: options.layout ?? engine.layout, statements };
}

const isAboutAccess = (statement: string): boolean =>
  /^(grant|create (role|user|settings profile)|alter user)/.test(statement);

describe('roles in ClickHouse', () => {
  it('are left out where the login may not make any, as in the embedded engine, and the migration goes on', async () => {
    expect(await managesAccess(engine)).toBe(false);
    await createGeneration(engine, 7);
    const applied = await engine.client.query({
      query: 'select name from sluice_g7.schema_migrations order by name',
      format: 'JSONEachRow',
    });
    expect((await applied.json<{ name: string }>()).map(({ name }) => name)).toContain('0004_access');
    const found = recorded({ grants: false });
    await createGeneration(found, 8).catch(() => undefined);
    expect(found.statements.filter(isAboutAccess)).toEqual([]);
  });

  it('are made by the migration where the login may, on every server of a cluster', async () => {
    const alone = recorded({ grants: true });
    await createGeneration(alone, 9);
    const access = alone.statements.filter(isAboutAccess);
    expect(access.length).toBeGreaterThan(10);
    expect(access.join('\n')).not.toMatch(/\{|cluster '/);
    const cluster = recorded({ grants: true, layout: replicatedLayout('main') });
    await createGeneration(cluster, 9);
    const everywhere = cluster.statements.filter(isAboutAccess);
    expect(everywhere).toHaveLength(access.length);
    for (const statement of everywhere) expect(statement).toContain(`ON CLUSTER 'main'`);
  });

  it('give the API and analysts nothing but reading, and nobody sources outside', async () => {
    const { statements } = await granted();
    for (const statement of statements.filter((text) => text.startsWith('grant'))) {
      const privileges = /^grant +(.*) on /
        .exec(statement)![1]!
        .split(',')
        .map((text) => text.trim());
      if (!statement.includes('to sluice_pipeline')) {
        expect(['select', 'show']).toEqual(expect.arrayContaining(privileges));
      }
      expect(statement).not.toMatch(/\b(all|sources|url|file|remote|s3|access management)\b/);
      expect(statement).not.toMatch(/select[^;]* on \*\.\*/);
    }
  });

  it('are statements that the engine reads, whatever it says to them', async () => {
    const { statements } = await granted();
    const clickhouse = recorded({ grants: true });
    for (const service of ['pipeline', 'api', 'readonly'] as const) {
      expect(await createClickHouseLogin(clickhouse, service, `marker-it's`)).toBe(`sluice_${service}_login`);
    }
    for (const query of [...statements, ...clickhouse.statements]) {
      expect(query).not.toContain('marker');
      // ACCESS_DENIED, UNKNOWN_ROLE, UNKNOWN_USER: what comes after the statement was understood.
      await expect(engine.client.command({ query }), query).rejects.toMatchObject({
        code: expect.stringMatching(/^(497|511|192)$/) as string,
      });
    }
  });
});

async function granted(): Promise<{ statements: string[] }> {
  const clickhouse = recorded({ grants: true });
  await grantClickHouseAccess(clickhouse);
  return clickhouse;
}
