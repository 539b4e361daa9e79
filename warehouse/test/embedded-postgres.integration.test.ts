import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPostgres, startEmbeddedPostgres } from '../src/index.js';
import { killStartedProcesses, startProcess } from './fixtures/start-process.js';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-postgres-'));
});

afterEach(async () => {
  await killStartedProcesses();
  // What those processes have left behind is ended by the next one to start.
  if (existsSync(join(dir, 'cluster', 'postmaster.pid'))) {
    await rm(join(dir, 'cluster', 'postgresql.auto.conf'));
    const postgres = await startEmbeddedPostgres({ dataDir: dir });
    await postgres.stop();
  }
  await rm(dir, { recursive: true });
});

async function countKept(url: string): Promise<number> {
  const postgres = await openPostgres(url);
  try {
    const { rows } = await postgres.pool.query<{ n: number }>('select count(*) as n from kept');
    return rows[0]!.n;
  } finally {
    await postgres.close();
  }
}

async function makeKept(rows: number): Promise<void> {
  const postgres = await openPostgres(`embedded:${dir}`);
  await postgres.pool.query('create table kept as select generate_series(1, $1::int)', [rows]);
  await postgres.close();
}

describe('the embedded Postgres', () => {
  it('keeps its data, is durable, and keeps its password to its owner', async () => {
    await makeKept(3);
    const postgres = await openPostgres(`embedded:${dir}`);
    expect((await postgres.pool.query('select count(*) as n from kept')).rows).toEqual([{ n: 3 }]);
    const { rows } = await postgres.pool.query(
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
              current_setting('full_page_writes') as pages, current_setting('data_checksums') as checksums,
              current_setting('listen_addresses') as addresses, current_setting('server_encoding') as encoding`,
    );
    expect(rows).toEqual([
      { fsync: 'on', commit: 'on', pages: 'on', checksums: 'on', addresses: '127.0.0.1', encoding: 'UTF8' },
    ]);
    expect((await stat(join(dir, 'connection.json'))).mode & 0o777).toBe(0o600);
    const wrong = new URL(postgres.url);
    wrong.password = 'guessed';
    await expect(openPostgres(wrong.href)).rejects.toThrow(/password authentication failed/);
    await postgres.close();
  });

  it('goes on with what was committed after the process that started it was killed', async () => {
    const parent = await startProcess('./hold-postgres.ts', [dir]);
    await parent.kill('SIGKILL');
    const postgres = await startEmbeddedPostgres({ dataDir: dir });
    expect(await countKept(postgres.url)).toBe(1);
    await postgres.stop();
  });

  it('tells when its server was killed, and recovers what was committed', async () => {
    const server = await startEmbeddedPostgres({ dataDir: dir });
    const postgres = await openPostgres(server.url);
    await postgres.pool.query('create table kept (n int)');
    await postgres.pool.query('insert into kept values (1)');
    const open = await postgres.pool.connect();
    const lost = once(open, 'error');
    await open.query('begin');
    await open.query('insert into kept values (2)');
    const exited = new Promise<void>((resolve) => server.onExit(resolve));
    process.kill(server.pid, 'SIGKILL');
    await exited;
    await lost;
    open.release(true);
    const restarted = await startEmbeddedPostgres({ dataDir: dir });
    expect(await countKept(restarted.url)).toBe(1);
    await postgres.close();
    await restarted.stop();
  });

  it('starts when the pid in its pid file has become another process', async () => {
    await makeKept(2);
    await writeFile(
      join(dir, 'cluster', 'postmaster.pid'),
      `${process.pid}\n${join(dir, 'cluster')}\n1\n5432\n\n127.0.0.1\n`,
    );
    expect(await countKept(`embedded:${dir}`)).toBe(2);
  });

  it('moves to another port when its own was taken', async () => {
    await makeKept(2);
    const { port } = JSON.parse(await readFile(join(dir, 'connection.json'), 'utf8')) as { port: number };
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    expect((squatter.address() as AddressInfo).port).toBe(port);
    expect(await countKept(`embedded:${dir}`)).toBe(2);
    squatter.close();
  });

  it('keeps its data when its connection file is lost', async () => {
    await makeKept(4);
    await rm(join(dir, 'connection.json'));
    expect(await countKept(`embedded:${dir}`)).toBe(4);
  });

  it('is made anew when its maker was killed half way', async () => {
    await mkdir(join(dir, 'new-cluster-half-made', 'base'), { recursive: true });
    await makeKept(1);
    expect(await countKept(`embedded:${dir}`)).toBe(1);
    await expect(stat(join(dir, 'new-cluster-half-made'))).rejects.toThrow(/ENOENT/);
  });

  it('is shared by processes that open it at the same time', async () => {
    const processes = await Promise.all(
      Array.from({ length: 3 }, () => startProcess('./hold-postgres.ts', [dir])),
    );
    expect(new Set(processes.map(({ firstLine }) => firstLine)).size).toBe(1);
    expect(await countKept(`embedded:${dir}`)).toBe(3);
  });

  it('says which process has it, when it is to be started a second time', async () => {
    const postgres = await startEmbeddedPostgres({ dataDir: dir });
    await expect(startEmbeddedPostgres({ dataDir: dir })).rejects.toThrow(
      new RegExp(`in use by process ${process.pid}`),
    );
    await postgres.stop();
  });

  it('gives the end of its log when it does not start', async () => {
    await makeKept(1);
    await writeFile(join(dir, 'cluster', 'postgresql.auto.conf'), 'no_such_setting = 1\n');
    await expect(startEmbeddedPostgres({ dataDir: dir })).rejects.toThrow(/no_such_setting/);
  });
});

describe.runIf(isRoot && process.platform === 'linux')('the embedded Postgres, started as root', () => {
  it('runs as an unprivileged account where there are no user namespaces', async () => {
    await chmod(dir, 0o755);
    // `unshare`, which makes a user namespace, is not found there.
    const started = await startProcess('./hold-postgres.ts', [dir], {
      env: { ...process.env, PATH: '/nowhere' },
    });
    expect(started.firstLine).toMatch(/^postgres:/);
    expect((await stat(join(dir, 'cluster'))).uid).not.toBe(0);
  });

  it('says which folder keeps that account out', async () => {
    const closed = join(dir, 'closed');
    await mkdir(closed, { mode: 0o700 });
    await chmod(dir, 0o755);
    await expect(
      startProcess('./hold-postgres.ts', [join(closed, 'data')], {
        env: { ...process.env, PATH: '/nowhere' },
      }),
    ).rejects.toThrow(new RegExp(`cannot enter ${closed}`));
  });

  it('is used by an ordinary user just so', async () => {
    await chown(dir, NOBODY, NOBODY);
    const started = await startProcess('./hold-postgres.ts', [dir], {
      uid: NOBODY,
      gid: NOBODY,
      env: { PATH: process.env['PATH'] ?? '', HOME: dir, TMPDIR: dir },
    });
    expect((await stat(join(dir, 'cluster'))).uid).toBe(NOBODY);
    await started.kill('SIGKILL');
    // Its owner is kept, also when root comes by.
    const postgres = await startEmbeddedPostgres({ dataDir: dir });
    await postgres.stop();
  });
});
