import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from './pack-packages.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);

const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  workspaces: string[];
  engines: { node: string };
};
const WORKFLOWS = filesIn('.github/workflows', '.yml');
const TEXTS = [
  ...['Makefile', '.ci/run', 'README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'CHANGELOG.md'],
  ...WORKFLOWS,
  ...filesIn('docs', '.md'),
  ...manifest.workspaces
    .map((folder) => `${folder}/README.md`)
    .filter((path) => existsSync(join(ROOT, path))),
];

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  permissions?: Record<string, string>;
  strategy?: { matrix: Record<string, string[]> };
  'timeout-minutes'?: number;
  steps: Step[];
}
interface Workflow {
  permissions: Record<string, string>;
  concurrency?: unknown;
  jobs: Record<string, Job>;
}
const workflows = WORKFLOWS.map((path) => ({ path, workflow: parse(read(path)) as Workflow }));
const steps = workflows.flatMap(({ workflow }) => Object.values(workflow.jobs).flatMap((job) => job.steps));

describe('what texts and workflows name', () => {
  it.each(TEXTS)('%s: every npm script is one of package.json', (path) => {
    const named = [...read(path).matchAll(/\bnpm run (?:--silent )?([a-z][\w:-]*)|"(verify:[\w-]+)/g)].map(
      ([, run, proof]) => run ?? proof!,
    );
    expect(named.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
  });

  it('every command that a script runs by name is one of scripts/run.mjs', () => {
    const known = [...read('scripts/run.mjs').matchAll(/^ {2}'?([\w-]+)'?: '[\w-]+\/dist/gm)].map(
      ([, name]) => name!,
    );
    const named = Object.values(manifest.scripts).flatMap(
      (script) => script.match(/(?<=scripts\/run\.mjs )[\w-]+/) ?? [],
    );
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    expect(known.filter((name) => !named.includes(name))).toEqual([]);
  });

  it('every file that a script, a workflow or .ci/run names is there', () => {
    const texts = [...Object.values(manifest.scripts), ...steps.map(({ run }) => run ?? ''), read('.ci/run')];
    const named = texts.flatMap((text) => text.match(/(?<![\w/.])(?:scripts|deploy|\.ci)\/[\w./-]+/g) ?? []);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('make', () => {
  const makefile = read('Makefile');
  const targets = [...makefile.matchAll(/^([a-z-]+):/gm)].map(([, target]) => target!);
  const make = (...args: string[]): string =>
    execFileSync('make', ['--no-print-directory', ...args], { cwd: ROOT, encoding: 'utf8' });

  it('lists every target when it is asked for nothing', () => {
    const listed = make()
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[0]);
    expect(listed).toEqual(targets);
    expect(targets).toEqual(
      expect.arrayContaining([
        ...['help', 'install', 'dev', 'producer', 'test', 'format', 'lint'],
        ...['docker-up', 'docker-down', 'docker-logs'],
      ]),
    );
  });

  it.each(targets.filter((target) => target !== 'help'))(
    '%s does nothing that an npm script does not',
    (target) => {
      expect(make('-n', target)).toMatch(/^npm (?:ci|start|test|run [a-z][\w:-]*)\s*$/);
    },
  );

  it('hands ARGS to the script, and only then', () => {
    expect(make('-n', 'producer', 'ARGS=--events 5')).toBe('npm run generate -- --events 5\n');
  });
});

describe('workflows', () => {
  it.each(workflows)('$path may only read, but for jobs that say what else', ({ workflow }) => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    expect(workflow.concurrency).toBeDefined();
    for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('take every action at one commit, with its version beside it', () => {
    const uses = workflows.flatMap(({ path }) =>
      [...read(path).matchAll(/uses: (.*)/g)].map(([, text]) => text!),
    );
    expect(uses.length).toBeGreaterThan(10);
    expect(uses.filter((text) => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(text))).toEqual(
      [],
    );
    // One commit an action, wherever it is used.
    expect(new Set(uses.map((text) => text.split('@')[0])).size).toBe(new Set(uses).size);
  });

  it('leave no token of theirs behind in a checkout', () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    for (const { with: settings } of checkouts)
      expect(settings).toMatchObject({ 'persist-credentials': false });
  });

  it('try the oldest Node that engines allows, and none that is older', () => {
    const oldest = manifest.engines.node.replace('>=', '').split('.').map(Number) as [number, number];
    const asked = steps
      .map(({ with: settings }) => settings?.['node-version'] as string | undefined)
      .filter((version) => version !== undefined && !version.includes('${{')) as string[];
    const matrix = workflows.flatMap(({ workflow }) =>
      Object.values(workflow.jobs).flatMap((job) => job.strategy?.matrix['node'] ?? []),
    );
    expect(matrix[0]).toBe(oldest.slice(0, 2).join('.'));
    for (const version of [...asked, ...matrix.slice(1)]) expect(Number(version)).toBeGreaterThan(oldest[0]);
    for (const folder of manifest.workspaces) {
      const { engines } = JSON.parse(read(`${folder}/package.json`)) as { engines?: { node: string } };
      expect(engines?.node ?? manifest.engines.node, folder).toBe(manifest.engines.node);
    }
  });

  it('run the stores at the versions that docker-compose.yml has', () => {
    const images = (text: string): string[] =>
      (text.match(/image: (?:apache|postgres|clickhouse)[\w/:.-]+/g) ?? []).sort();
    expect(images(read('.github/workflows/ci.yml'))).toEqual(images(read('docker-compose.yml')));
  });
});
