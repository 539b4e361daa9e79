import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { writeInstance } from '../src/instance-file.js';
import { freePort } from './free-port.js';

/** Stands in every secret of a test; the second half needs escaping wherever it is written. */
const MARKER = 'mArKeR-oF-a-SeCrEt';
const PASSWORD = `${MARKER}"p@ss/wörd`;
const WRITTEN = encodeURIComponent(PASSWORD);

const root = fileURLToPath(new URL('../..', import.meta.url));
let database: TestDatabase;
let dir: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  dir = await mkdtemp(join(tmpdir(), 'sluice-secrets-'));
});

afterAll(async () => {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await database.drop();
  await rm(dir, { recursive: true, force: true });
});

interface Run {
  child: ChildProcess;
  /** What it has written so far, to both of its outputs. */
  output(): string;
  ended: Promise<number | null>;
}

function run(entry: string, environment: Record<string, string>, args: readonly string[] = []): Run {
  const child = spawn(
    process.execPath,
    ['--conditions', 'sluice-source', '--import', 'tsx', join(root, entry), ...args],
    { env: { PATH: process.env['PATH'], HOST: '127.0.0.1', LOG_LEVEL: 'trace', ...environment }, cwd: root },
  );
  started.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return {
    child,
    output: () => output,
    ended: once(child, 'close').then(([code]) => code as number | null),
  };
}

function expectNoSecret(text: string): void {
  expect(text).not.toContain(MARKER);
  expect(text).not.toContain(Buffer.from(MARKER).toString('base64').slice(0, 20));
}

/** A server that refuses whoever shows a password. */
async function refuseEverybody(answer: string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

const GATEWAY = 'gateway/src/main.ts';
const PIPELINE = 'pipeline/src/main.ts';
const API = 'analytics-api/src/main.ts';
const SLUICE = 'standalone/src/sluice.ts';

describe('a secret in the settings', () => {
  const wrongHost = `postgres://ann:${WRITTEN}@127.0.0.1:1/sluice`;
  const cases: [string, string, (real: string) => Record<string, string>, string[]?][] = [
    ['Postgres is not there', GATEWAY, () => ({ POSTGRES_URL: wrongHost })],
    ['Postgres refuses the password', GATEWAY, (real) => ({ POSTGRES_URL: withPassword(real) })],
    ['Postgres refuses the password', PIPELINE, (real) => ({ POSTGRES_URL: withPassword(real) })],
    [
      'the address of Postgres cannot be read',
      API,
      () => ({ POSTGRES_URL: `postgres://ann:${PASSWORD}@[db/x` }),
    ],
    ['the scheme is wrong', API, () => ({ POSTGRES_URL: `mysql://ann:${WRITTEN}@db/x` })],
    [
      'the address of the log cannot be read',
      GATEWAY,
      (real) => ({ POSTGRES_URL: real, EVENT_LOG_URL: `kafka://ann:${PASSWORD}@a:9092?what=1` }),
    ],
    [
      'ClickHouse is not there',
      API,
      (real) => ({ POSTGRES_URL: real, CLICKHOUSE_URL: `http://ann:${WRITTEN}@127.0.0.1:1/` }),
    ],
    [
      'the address of ClickHouse cannot be read',
      PIPELINE,
      (real) => ({ POSTGRES_URL: real, CLICKHOUSE_URL: `http://ann:${PASSWORD}@[ch/` }),
    ],
    [
      'the mail server’s address and the token are no good',
      PIPELINE,
      () => ({ SMTP_URL: `ftp://ann:${WRITTEN}@mail`, METRICS_TOKEN: MARKER.slice(0, 12), PORT: MARKER }),
    ],
    ['a command cannot reach Postgres', SLUICE, () => ({ POSTGRES_URL: wrongHost }), ['migrate']],
    [
      'a command cannot read the address',
      SLUICE,
      () => ({ POSTGRES_URL: `postgres://ann:${PASSWORD}@[db/x` }),
      ['keys', 'list'],
    ],
  ];

  function withPassword(real: string): string {
    const url = new URL(real);
    url.password = PASSWORD;
    return url.href;
  }

  it.each(cases)('is not told when %s (%s)', async (_when, entry, environmentOf, args) => {
    const environment = { SPOOL_DIR: join(dir, 'spool'), ...environmentOf(database.url) };
    // Once from the environment, once from files.
    const fromFiles: Record<string, string> = {};
    for (const [name, value] of Object.entries(environment)) {
      const file = join(dir, `${name}-${Math.random().toString(36).slice(2)}`);
      await writeFile(file, `${value}\n`, { mode: 0o600 });
      fromFiles[`${name}_FILE`] = file;
    }
    const runs = [run(entry, environment, args), run(entry, fromFiles, args)];
    const codes = await Promise.all(runs.map(({ ended }) => ended));
    for (const [index, ended] of runs.entries()) {
      const output = ended.output();
      expect(codes[index], output).not.toBe(0);
      expect(output).not.toBe('');
      expectNoSecret(output);
    }
  });

  it('is not told by a gateway whose counter of requests refuses it, in its log, its answers or its arguments', async () => {
    const { server, port: redisPort } = await refuseEverybody('-WRONGPASS invalid password\r\n');
    const port = await freePort();
    const gateway = run(GATEWAY, {
      POSTGRES_URL: database.url,
      EVENT_LOG_URL: `embedded:${join(dir, 'log')}`,
      SPOOL_DIR: join(dir, 'spool-2'),
      PORT: String(port),
      REDIS_URL: `redis://:${WRITTEN}@127.0.0.1:${redisPort}`,
      METRICS_TOKEN: PASSWORD.replace(/[^\x21-\x7e]/g, ''),
    });
    const at = `http://127.0.0.1:${port}`;
    const untilUp = async (): Promise<void> => {
      while (gateway.child.exitCode === null) {
        if ((await fetch(`${at}/health/live`).catch(() => undefined))?.ok === true) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(gateway.output());
    };
    await untilUp();
    const answers: string[] = [];
    for (const path of [
      '/health/ready',
      '/metrics',
      '/openapi.json',
      '/v1/projects/x/settings',
      '/v1/track',
    ]) {
      const answer = await fetch(`${at}${path}`, {
        headers: { authorization: `Bearer ${MARKER}` },
        ...(path === '/v1/track' ? { method: 'POST', body: '{"userId":"u","event":"e"}' } : {}),
      });
      answers.push(JSON.stringify([...answer.headers]), await answer.text());
    }
    while (!gateway.output().includes('WRONGPASS')) await once(gateway.child.stdout!, 'data');
    const commandLine = await readFile(`/proc/${gateway.child.pid}/cmdline`, 'utf8');
    gateway.child.kill('SIGTERM');
    await gateway.ended;
    server.close();
    for (const text of [...answers, gateway.output(), commandLine]) expectNoSecret(text);
  });
});

describe('the instance file', () => {
  it('is readable by its owner only, however it came to be', async () => {
    const instance = {
      ...{ gatewayUrl: '', apiUrl: '', writeKey: '', readKey: '', adminKey: '', eventLogUrl: '' },
      ...{ postgresUrl: '', clickhouseUrl: '', pid: null, children: {} },
    };
    await writeFile(join(dir, 'sluice.json'), '{}', { mode: 0o644 });
    await writeInstance(dir, instance);
    expect((await stat(join(dir, 'sluice.json'))).mode & 0o777).toBe(0o600);
  });
});
