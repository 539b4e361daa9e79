import { readFile } from 'node:fs/promises';
import type { Instance } from './instance-file.js';

/** How long parts of a killed instance may take to notice and stop by themselves, milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * Waits until the gateway and the worker of an instance that was killed have ended: they notice that their supervisor is
 * gone and drain. One that does not is killed. Postgres has its own way (it is adopted or shut down where it starts).
 */
export async function awaitLeftovers(
  instance: Instance | undefined,
  print: (line: string) => void,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  let told = false;
  for (const name of ['gateway', 'worker']) {
    const pid = instance?.children[name];
    if (pid === undefined) continue;
    while (await isPart(pid, name)) {
      if (!told) print('Waiting for an earlier instance to end …');
      told = true;
      if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Whether the pid still is that part, and not by now another program. */
async function isPart(pid: number, name: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(`${name}.js`);
  } catch {
    return false;
  }
}
