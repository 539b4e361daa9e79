import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openSpool } from '../src/spool/spool.js';

const WRITER = fileURLToPath(new URL('./spool-writer.ts', import.meta.url));
const KILLS = 6;

it('keeps every acknowledged entry, once and in order, when its process is killed at any moment', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-spool-kill-'));
  const acknowledged: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const first = kill * 1_000_000;
    const target = acknowledged.length + 30 + Math.floor(Math.random() * 400);
    const child = spawn(
      process.execPath,
      ['--conditions=sluice-source', '--import', 'tsx', WRITER, dir, String(first)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    let text = '';
    for await (const chunk of child.stdout) {
      text += String(chunk);
      const lines = text.split('\n');
      text = lines.pop()!;
      acknowledged.push(...lines.map(Number));
      if (acknowledged.length >= target) child.kill('SIGKILL');
    }
    const [, signal] = (await exited) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
  }

  const spool = await openSpool({ dir, maxBytes: 1e9 });
  const kept: number[] = [];
  for (
    let batch = await spool.readHead(100_000);
    batch !== undefined;
    batch = await spool.readHead(100_000)
  ) {
    kept.push(...batch.entries.map(({ receivedAtMs }) => receivedAtMs));
    await batch.confirm();
  }
  await spool.close();
  await rm(dir, { recursive: true });
  const there = new Set(kept);
  expect(acknowledged.filter((n) => !there.has(n))).toEqual([]);
  expect(there.size).toBe(kept.length);
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
});
