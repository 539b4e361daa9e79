import { openTestClickHouse, type TestClickHouse } from '@sluice/warehouse/testing';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const text = readFileSync(
  fileURLToPath(new URL('../../deploy/clickhouse/low-memory.xml', import.meta.url)),
  'utf8',
).replace(/<!--[\s\S]*?-->/g, '');

/** Elements with a number in them: path → value. */
function numbersOf(xml: string, path: readonly string[] = []): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name = '', content = ''] of xml.matchAll(/<(\w+)>([\s\S]*?)<\/\1>/g)) {
    const at = [...path, name];
    if (/^\s*\d+\s*$/.test(content)) found.set(at.slice(1).join('/'), Number(content));
    else for (const [key, value] of numbersOf(content, at)) found.set(key, value);
  }
  return found;
}

describe('the low-memory configuration of ClickHouse', () => {
  let clickhouse: TestClickHouse;

  beforeAll(async () => {
    clickhouse = await openTestClickHouse();
  });

  afterAll(() => clickhouse.drop());

  async function namesIn(table: string): Promise<Set<string>> {
    const result = await clickhouse.client.query({
      query: `select name from system.${table}`,
      format: 'JSONEachRow',
    });
    return new Set((await result.json<{ name: string }>()).map(({ name }) => name));
  }

  it('sets nothing that the engine does not know', async () => {
    const numbers = numbersOf(text);
    expect(numbers.size).toBeGreaterThan(10);
    const known = {
      server: await namesIn('server_settings'),
      merge_tree: await namesIn('merge_tree_settings'),
    };
    for (const path of numbers.keys()) {
      const [first = '', second] = path.split('/');
      if (first === 'logger') continue;
      const isKnown = second === undefined ? known.server.has(first) : known.merge_tree.has(second);
      expect({ path, isKnown }).toEqual({ path, isKnown: true });
    }
  });

  it('leaves merges a place in the pool', () => {
    const numbers = numbersOf(text);
    const places =
      numbers.get('background_pool_size')! * numbers.get('background_merges_mutations_concurrency_ratio')!;
    for (const [path, value] of numbers) {
      if (path.includes('free_entries')) expect(value).toBeLessThan(places);
    }
  });
});
