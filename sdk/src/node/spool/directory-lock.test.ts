import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDirectory } from './directory-lock.js';

describe('lockDirectory', () => {
  let dir: string;
  let path: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
    path = join(dir, 'writer.lock');
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  /** A lock like one of this process, with some of it changed. */
  function leaveLock(changes: object): void {
    const lock = lockDirectory(dir);
    const holder = JSON.parse(readFileSync(path, 'utf8')) as object;
    lock.release();
    writeFileSync(path, JSON.stringify({ ...holder, ...changes }));
  }

  it('refuses a second writer, and names the first', () => {
    const lock = lockDirectory(dir);
    expect(() => lockDirectory(dir)).toThrow(`in use by process ${process.pid}`);
    lock.release();
    lockDirectory(dir).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is not kept by a process that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    leaveLock({ pid: child.pid, startedAt: '' });
    expect(() => lockDirectory(dir)).toThrow(/in use/);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    lockDirectory(dir).release();
  });

  it('is not kept by a process whose pid belongs to another one now', () => {
    leaveLock({ startedAt: 'long ago' });
    lockDirectory(dir).release();
  });

  it('is not kept by a text that was left half written', () => {
    writeFileSync(path, '{"pi');
    lockDirectory(dir).release();
  });

  it('is kept by a process of another container for as long as it shows life', () => {
    leaveLock({ pid: 2 ** 30, place: 'elsewhere' });
    expect(() => lockDirectory(dir)).toThrow(/in use/);
    const twoMinutesAgo = new Date(Date.now() - 120_000);
    utimesSync(path, twoMinutesAgo, twoMinutesAgo);
    lockDirectory(dir).release();
  });

  it('shows life, and notices when another writer took over', async () => {
    const lock = lockDirectory(dir, { heartbeatMs: 5 });
    const earlier = new Date(Date.now() - 120_000);
    utimesSync(path, earlier, earlier);
    await expect.poll(() => statSync(path).mtimeMs > earlier.getTime() + 60_000).toBe(true);
    writeFileSync(path, 'another');
    await expect.poll(() => lock.isHeld()).toBe(false);
    lock.release();
    expect(readFileSync(path, 'utf8')).toBe('another');
  });

  it('goes to exactly one of several processes that find it stale at the same time', async () => {
    leaveLock({ startedAt: 'long ago' });
    const script = `
      import { lockDirectory } from ${JSON.stringify(new URL('./directory-lock.ts', import.meta.url).href)};
      while (Date.now() < Number(process.argv[1])) {}
      try { lockDirectory(${JSON.stringify(dir)}); process.stdout.write('mine'); } catch { process.stdout.write('taken'); }
      process.stdin.resume().on('end', () => process.exit());
    `;
    const startAtMs = Date.now() + 1_500;
    const children = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, String(startAtMs)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const said = await Promise.all(
      children.map(async (child) => String((await once(child.stdout, 'data'))[0])),
    );
    for (const child of children) child.stdin.end();
    await Promise.all(children.map((child) => once(child, 'exit')));
    expect(said.filter((text) => text === 'mine')).toHaveLength(1);
  });
});
