import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startGateway, type TestGateway } from '../../gateway/test/start-gateway.js';
import type { ApplicationPlan } from './node-application.js';

const APPLICATION = fileURLToPath(new URL('./node-application.ts', import.meta.url));
/** Nothing listens there. */
const NOBODY = 'http://127.0.0.1:1';

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  tracked: string[];
  said: Record<string, unknown>[];
  stderr: string;
}

interface Application {
  child: ChildProcess;
  /** Resolves once it has tracked. */
  tracked: Promise<string[]>;
  ended: Promise<Ended>;
}

describe('a process with the SDK', () => {
  let gateway: TestGateway;
  let host: string;
  let dir: string;

  beforeAll(async () => {
    gateway = await startGateway({ postgresUrl: inject('postgresUrl') });
    host = `http://127.0.0.1:${await gateway.listen()}`;
    dir = await mkdtemp(join(tmpdir(), 'sluice-node-'));
  });

  afterAll(async () => {
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  let spoolDir: string;
  let since: number[];
  beforeEach(async () => {
    spoolDir = join(dir, Math.random().toString(36).slice(2));
    since = await gateway.log.endOffsets();
  });

  function run({
    settings = {},
    ...plan
  }: Partial<Omit<ApplicationPlan, 'settings'>> & { settings?: object }): Application {
    const whole = {
      events: 25,
      then: 'nothing',
      ...plan,
      settings: { writeKey: gateway.writeKey, host, ...settings },
    };
    const child = spawn(
      process.execPath,
      ['--conditions=sluice-source', '--import', 'tsx', APPLICATION, JSON.stringify(whole)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const said: Record<string, unknown>[] = [];
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const tracked = new Promise<string[]>((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        const entry = JSON.parse(line) as Record<string, unknown>;
        said.push(entry);
        if ('tracked' in entry) resolve(entry['tracked'] as string[]);
      });
      child.once('exit', () => reject(new Error(`It ended before it tracked: ${stderr}`)));
    });
    const ended = (async (): Promise<Ended> => {
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      return { code, signal, tracked: await tracked, said, stderr };
    })();
    return { child, tracked, ended };
  }

  /** Ids of what the log has taken since the test began, copies included. */
  async function readIds(): Promise<string[]> {
    const records = await gateway.readLog(since);
    return records.flatMap(({ text }) =>
      (JSON.parse(text) as { batch: { messageId: string }[] }).batch.map(({ messageId }) => messageId),
    );
  }

  it('that has nothing left to do first sends what waits, and ends as it would have', async () => {
    const { code, tracked, said, stderr } = await run({}).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(said).toHaveLength(1);
    expect((await readIds()).sort()).toEqual([...tracked].sort());
  });

  it('keeps the exit code that the application set, and its own flush resolves', async () => {
    const { code, said } = await run({ then: 'flush-and-exit-3' }).ended;
    expect(code).toBe(3);
    expect(said[1]).toEqual({ flushed: { accepted: 25, rejected: 0, waiting: 0 } });
    const offline = await run({
      then: 'flush-and-exit-3',
      settings: { host: NOBODY, exitTimeoutMs: 100 },
    }).ended;
    expect(offline.code).toBe(3);
    expect(offline.said[1]).toEqual({ flushed: { accepted: 0, rejected: 0, waiting: 25 } });
    expect(offline.said).toHaveLength(2);
  });

  it('is not kept longer than it is set to when nobody answers, and fails nothing by it', async () => {
    const { code, said, stderr } = await run({ settings: { host: NOBODY, exitTimeoutMs: 500 } }).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(said).toHaveLength(1);
  });

  it('that is told to end by SIGTERM sends what waits and then ends by SIGTERM', async () => {
    const application = run({ then: 'serve', settings: { flushIntervalMs: 60_000 } });
    const tracked = await application.tracked;
    application.child.kill('SIGTERM');
    expect(await application.ended).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' });
    expect((await readIds()).sort()).toEqual([...tracked].sort());
  });

  it('with several instances ends by SIGTERM all the same, once all have sent', async () => {
    const application = run({ then: 'serve-twice', settings: { flushIntervalMs: 60_000 } });
    await application.tracked;
    application.child.kill('SIGTERM');
    expect(await application.ended).toMatchObject({ signal: 'SIGTERM' });
    expect(await readIds()).toHaveLength(26);
  });

  it('with a listener of its own for SIGTERM decides itself when and how it ends', async () => {
    const application = run({ then: 'serve-and-listen', settings: { flushIntervalMs: 60_000 } });
    await application.tracked;
    application.child.kill('SIGTERM');
    expect(await application.ended).toMatchObject({ code: 7, signal: null });
    expect(await readIds()).toHaveLength(25);
  });

  it('ends at once by a second SIGTERM', async () => {
    const application = run({ then: 'serve', settings: { host: NOBODY, exitTimeoutMs: 600_000 } });
    await application.tracked;
    application.child.kill('SIGTERM');
    // The first one is being worked on.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(application.child.exitCode).toBeNull();
    application.child.kill('SIGTERM');
    expect(await application.ended).toMatchObject({ signal: 'SIGTERM' });
  });

  it('loses nothing by process.exit() with a spool: the next process sends it', async () => {
    const first = await run({ then: 'exit', settings: { spoolDir } }).ended;
    expect(first.code).toBe(5);
    expect(first.said[0]).toMatchObject({ outbox: 'file' });
    expect(await readIds()).toEqual([]);
    expect(await run({ events: 0, settings: { spoolDir } }).ended).toMatchObject({ code: 0, stderr: '' });
    expect(await readIds()).toEqual(first.tracked);
  });

  it('loses nothing by kill -9 with a spool, and sends nothing again that had its verdict', async () => {
    const delivered = run({ then: 'serve', settings: { spoolDir, flushIntervalMs: 1 } });
    const before = await delivered.tracked;
    await expect.poll(readIds, { timeout: 20_000 }).toHaveLength(25);
    // The verdicts are on their way back.
    await new Promise((resolve) => setTimeout(resolve, 500));
    delivered.child.kill('SIGKILL');
    await delivered.ended;

    const killed = run({ then: 'serve', settings: { spoolDir, flushIntervalMs: 60_000 } });
    const waiting = await killed.tracked;
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await readIds()).toEqual(before);

    await run({ events: 1, settings: { spoolDir } }).ended;
    const ids = await readIds();
    expect(ids.slice(0, 50)).toEqual([...before, ...waiting]);
    expect(ids).toHaveLength(51);
  });

  it('says when its spool cannot be used, and delivers from memory', async () => {
    const { code, said, stderr } = await run({ settings: { spoolDir: APPLICATION } }).ended;
    expect(code).toBe(0);
    expect(said[0]).toMatchObject({ outbox: 'memory' });
    expect(stderr).toContain(`The spool ${APPLICATION} cannot be used`);
    expect(await readIds()).toHaveLength(25);
  });
});
