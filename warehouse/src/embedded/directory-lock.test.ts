import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDirectory } from './directory-lock.js';

describe('lockDirectory', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-lock-'));
  });

  afterEach(() => rm(dir, { recursive: true }));

  it('refuses a second instance with a text that names the process and the way out', async () => {
    const lock = await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toThrow(
      new RegExp(`in use by process ${process.pid}.*data directory of its own`, 's'),
    );
    await lock.release();
  });

  it('can be taken again once it was released', async () => {
    await (await lockDirectory(dir)).release();
    await (await lockDirectory(dir)).release();
  });

  it('is taken over from a process that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    await writeFile(join(dir, 'process.lock'), JSON.stringify({ pid: child.pid, startedAt: '' }));
    await expect(lockDirectory(dir)).rejects.toThrow(/in use/);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    await (await lockDirectory(dir)).release();
  });

  it('is taken over when its pid now belongs to another process', async () => {
    await writeFile(join(dir, 'process.lock'), JSON.stringify({ pid: process.pid, startedAt: 'long ago' }));
    const lock = await lockDirectory(dir);
    expect(await readFile(join(dir, 'process.lock'), 'utf8')).toContain(String(process.pid));
    await lock.release();
  });

  it('is taken over when it was left half written', async () => {
    await writeFile(join(dir, 'process.lock'), '{"pi');
    await (await lockDirectory(dir)).release();
  });

  it('goes to exactly one of many who take it over at the same time', async () => {
    await writeFile(join(dir, 'process.lock'), JSON.stringify({ pid: process.pid, startedAt: 'long ago' }));
    const attempts = await Promise.allSettled(Array.from({ length: 30 }, () => lockDirectory(dir)));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(dir)).toEqual(['process.lock']);
  });
});
