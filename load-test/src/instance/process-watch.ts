import { readdir, readFile } from 'node:fs/promises';
import { wait } from '../client/wait.js';

/** Watches what processes take. Linux only; elsewhere there is nothing to see. */
export interface ProcessWatch {
  /** Largest memory seen, MiB by name: proportional set size, so that pages that several processes share count once. */
  peaksMb(): Record<string, number>;
  /** CPU time so far, seconds by name. Processes that have ended are left out. */
  cpuSeconds(): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

const EVERY_MS = 500;
/** Ticks of /proc/PID/stat: a second has 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Each named process is taken together with its descendants that have no name of their own. */
export function watchProcesses(pids: () => Promise<Readonly<Record<string, number>>>): ProcessWatch {
  const peaks: Record<string, number> = {};
  const stopping = new AbortController();

  const watching = (async () => {
    while (!stopping.signal.aborted) {
      for (const [name, kb] of await sumUp(await pids(), (process) => memoryKb(process.pid))) {
        peaks[name] = Math.max(peaks[name] ?? 0, Math.round(kb / 1_024));
      }
      await wait(EVERY_MS, stopping.signal);
    }
  })();
  // A failure is reported by stop(), not as an unhandled rejection meanwhile.
  watching.catch(() => undefined);

  return {
    peaksMb: () => ({ ...peaks }),
    cpuSeconds: async () => readCpuSeconds(await pids()),
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}

/** CPU time so far, seconds by name, of processes with their descendants. */
export async function readCpuSeconds(
  pids: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  return Object.fromEntries(await sumUp(pids, (process) => process.cpuSeconds));
}

async function sumUp(
  pids: Readonly<Record<string, number>>,
  valueOf: (process: Process) => number | Promise<number>,
): Promise<Map<string, number>> {
  const named = new Map(Object.entries(pids).map(([name, pid]) => [pid, name]));
  const processes = await readProcesses();
  const sums = new Map<string, number>();
  for (const process of processes.values()) {
    const name = ownerOf(process, named, processes);
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + (await valueOf(process)));
  }
  return sums;
}

interface Process {
  pid: number;
  parent: number;
  /** Its own and that of its children that have ended. */
  cpuSeconds: number;
}

async function readProcesses(): Promise<Map<number, Process>> {
  const processes = new Map<number, Process>();
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    if (stat === '') continue;
    // The name of the command, in parentheses, may hold spaces; fields are counted from after it.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
    const pid = Number(entry);
    processes.set(pid, { pid, parent: fields[1] ?? 0, cpuSeconds: ticks / TICKS_PER_SECOND });
  }
  return processes;
}

/** The nearest named one among a process and its ancestors. */
function ownerOf(
  process: Process,
  named: ReadonlyMap<number, string>,
  processes: ReadonlyMap<number, Process>,
): string | undefined {
  for (let at: Process | undefined = process; at !== undefined; at = processes.get(at.parent)) {
    const name = named.get(at.pid);
    if (name !== undefined) return name;
  }
  return undefined;
}

async function memoryKb(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
}
