import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../repository-root.js';
import { sourceFiles, staleFiles } from '../reference/reference-files.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMAND_ENVIRONMENT } from '../reference/command-environment.js';
import { listSettings } from '../reference/list-settings.js';
import { checkLinks } from './check-links.js';
import { checkNames, type Names } from './check-names.js';
import { checkPages } from './check-pages.js';
import { findingText } from './finding.js';
import { listFiles } from './list-files.js';
import { readPage } from './read-page.js';

const NAMES: Names = {
  scripts: new Set(['bench']),
  files: new Set(['gateway/src/main.ts', 'docs/a.md']),
  words: new Set(['complete_through', 'sluice_gateway_events_total']),
  settings: new Set(['KEEP_DAYS']),
  routes: new Set(['GET /v1/users/:']),
};

function faultsIn(text: string): string[] {
  return checkNames([readPage('docs/a.md', text)], NAMES).findings.map(({ what }) => what);
}

describe('the pages of this repository', () => {
  it('link to what there is, hold JSON that parses, and name what exists', async () => {
    const { findings, checked } = await checkPages(repositoryRoot);
    expect(findings.map(findingText)).toEqual([]);
    expect(checked.links).toBeGreaterThan(100);
    expect(checked.names).toBeGreaterThan(500);
  });

  it('have the reference of settings, .env.example and the table of capacity as the sources say', async () => {
    expect(await staleFiles(repositoryRoot, await sourceFiles(repositoryRoot))).toEqual([]);
  });

  it('list every setting of the schemas in .env.example, once, with its default', async () => {
    const lines = (await readFile(join(repositoryRoot, '.env.example'), 'utf8')).split('\n');
    for (const { name, defaults } of listSettings()) {
      const found = lines.filter((line) => line.startsWith(`${name}=`));
      const values = new Set(Object.values(defaults));
      if (values.size === 1) expect(found).toEqual([`${name}=${[...values][0]}`]);
      else expect(lines.filter((line) => line.startsWith(`# ${name}=`))).toHaveLength(1);
    }
  });

  it('name only variables of commands that something reads', async () => {
    const sources = (await listFiles(repositoryRoot)).filter(
      (path) => path.endsWith('.ts') && !path.includes('/docs/') && !path.endsWith('.test.ts'),
    );
    const texts = await Promise.all(sources.map((path) => readFile(join(repositoryRoot, path), 'utf8')));
    for (const { name } of COMMAND_ENVIRONMENT) {
      expect(
        texts.some((text) => new RegExp(`\\b${name}\\b`).test(text)),
        name,
      ).toBe(true);
    }
  });
});

describe('readPage', () => {
  it('finds blocks with their lines, what is said of them, and what they follow', () => {
    const { blocks } = readPage(
      'a.md',
      'A\n\n<!-- check: skip because it takes an hour -->\n\n```sh\nnpm test\n```\n\n```json\n{}\n```\n\nB\n\n```text\nx\n```\n',
    );
    expect(blocks.map(({ line, language }) => [line, language])).toEqual([
      [5, 'sh'],
      [9, 'json'],
      [15, 'text'],
    ]);
    expect(blocks[0]?.annotation).toEqual({ kind: 'skip', reason: 'it takes an hour' });
    expect(blocks[1]?.follows).toBe(blocks[0]);
    expect(blocks[2]?.follows).toBeUndefined();
  });

  it('refuses to leave a block out without a reason', () => {
    expect(() => readPage('a.md', '<!-- check: skip -->\n\n```sh\nx\n```\n')).toThrow('a.md:1');
  });
});

describe('checkLinks', () => {
  it('finds links to files and headings that are not there', () => {
    const page = readPage(
      'docs/a.md',
      '# One `two`\n\n[a](#one-two) [b](#three) [c](b.md) [d](../gateway/src/main.ts) [e](http://example.com)',
    );
    const { findings, checked } = checkLinks([page], NAMES.files);
    expect(checked).toBe(5);
    expect(findings.map(({ what }) => what)).toEqual([
      'the link #three leads to no heading',
      'the link b.md leads to no file',
      'the link http://example.com is not https',
    ]);
  });
});

describe('checkNames', () => {
  it('knows what there is', () => {
    expect(
      faultsIn(
        '`KEEP_DAYS` `KEEP_DAYS_FILE` `complete_through` `GET /v1/users/:id` `/v1/users/:id` `gateway/src/` `src/main.ts` ' +
          '`sluice_gateway_events_total{code="x"}` `npm run bench -- gateway` `some words` `a/b`',
      ),
    ).toEqual([]);
  });

  it('finds what there is not', () => {
    expect(
      faultsIn(
        '`KEP_DAYS` `complete_thru` `GET /v1/user/:id` `gateway/src/man.ts` `sluice_gateway_event_total` `npm run bnech`',
      ),
    ).toEqual([
      'there is no setting or constant KEP_DAYS',
      'nothing in the sources is called complete_thru',
      'there is no route GET /v1/user/:id',
      'there is no file or folder gateway/src/man.ts',
      'there is no metric sluice_gateway_event_total',
      'there is no script bnech',
    ]);
  });
});
