import { readdir, readFile } from 'node:fs/promises';
import { wait } from '../client/wait.js';

/** Watches how much memory processes take. */
export interface MemoryWatch {
  /** Largest sums seen, MiB by name. */
  peaksMb(): Record<string, number>;
  stop(): Promise<void>;
}

const EVERY_MS = 500;

/**
 * Samples the memory of each named process and of its descendants that have no name of their own: proportional set size, so that pages that several
 * processes share (Postgres) are counted once. Linux only; elsewhere there are no peaks.
 */
export function watchMemory(pids: () => Promise<Readonly<Record<string, number>>>): MemoryWatch {
  const peaks: Record<string, number> = {};
  const stopping = new AbortController();

  async function sample(): Promise<void> {
    const named = new Map(Object.entries(await pids()).map(([name, pid]) => [pid, name]));
    const sums: Record<string, number> = {};
    for (const [pid, name] of findOwners(named, await readParents())) {
      sums[name] = (sums[name] ?? 0) + (await memoryKb(pid));
    }
    for (const [name, kb] of Object.entries(sums)) {
      peaks[name] = Math.max(peaks[name] ?? 0, Math.round(kb / 1_024));
    }
  }

  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await sample();
      await wait(EVERY_MS, stopping.signal);
    }
  })();
  // A failure is reported by stop(), not as an unhandled rejection meanwhile.
  watching.catch(() => undefined);

  return {
    peaksMb: () => ({ ...peaks }),
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}

async function readParents(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  const entries = await readdir('/proc').catch(() => []);
  for (const entry of entries) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    // The name of the command, in parentheses, may hold spaces.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (Number.isInteger(parent)) parents.set(Number(entry), parent);
  }
  return parents;
}

/** For each process the nearest named one among itself and its ancestors. */
function findOwners(
  named: ReadonlyMap<number, string>,
  parents: ReadonlyMap<number, number>,
): Map<number, string> {
  const owners = new Map<number, string>();
  for (const pid of parents.keys()) {
    for (let at: number | undefined = pid; at !== undefined && at !== 0; at = parents.get(at)) {
      const name = named.get(at);
      if (name === undefined) continue;
      owners.set(pid, name);
      break;
    }
  }
  return owners;
}

async function memoryKb(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
}
