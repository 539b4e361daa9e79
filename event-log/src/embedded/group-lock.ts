/**
 * One process consumes for a group at a time. The holder is written into the log; others wait.
 *
 * A lock is free when nobody holds it, when its holder's process is gone (at once, also after SIGKILL), or when its holder
 * has not renewed it for `LEASE_MS` (a stopped process). A holder that finds its lock taken stops consuming. In the short
 * time in which a stalled former holder and the new one both run, the caller's store must fence the former one, exactly
 * as after a Kafka rebalance.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { pause } from '../consume/pause.js';
import { written, type LogFiles } from './log-files.js';

const LEASE_MS = 6_000;
const RENEW_MS = 1_500;
const RETRY_MS = 200;

interface Holder {
  token: string;
  pid: number;
  /** Tells a process from a later one that got the same id; undefined where the system does not say. */
  startedAt?: string | undefined;
  /** Where process ids mean the same: this boot of the machine, this container. Elsewhere only the lease counts. */
  system?: string | undefined;
  renewedAtMs: number;
}

export interface GroupLock {
  /** Waits until this is the group's holder; false when `signal` aborts first. */
  acquire(signal: AbortSignal): Promise<boolean>;
  /** Resolves when the lock, once acquired, has been lost to another holder. */
  readonly lost: Promise<void>;
  release(): Promise<void>;
}

export function createGroupLock(
  files: LogFiles,
  group: string,
  onError: (error: unknown) => void,
): GroupLock {
  const key = `group:${group}`;
  const self: Omit<Holder, 'renewedAtMs'> = {
    token: randomUUID(),
    pid: process.pid,
    startedAt: startOf(process.pid),
    system: systemId(),
  };
  let renewal: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();
  let reportLost: () => void = () => undefined;
  const lost = new Promise<void>((resolve) => (reportLost = resolve));

  function readHolder(): Holder | undefined {
    const bytes = files.state.get(key);
    return bytes === undefined || bytes.length === 0 ? undefined : (JSON.parse(bytes.toString()) as Holder);
  }

  /** Reads and writes in one transaction, which no other process can come between. */
  function change(work: () => boolean): Promise<boolean> {
    return written(files.root.transaction(work));
  }

  /** Only within `change`, whose commit is awaited. */
  function write(holder: Holder | undefined): void {
    void files.state.put(key, Buffer.from(holder === undefined ? '' : JSON.stringify(holder)), 1);
  }

  function take(): Promise<boolean> {
    return change(() => {
      const holder = readHolder();
      if (holder !== undefined && holder.token !== self.token && isAlive(holder, self.system)) return false;
      write({ ...self, renewedAtMs: Date.now() });
      return true;
    });
  }

  async function renew(): Promise<void> {
    try {
      const isHeld = await change(() => {
        if (readHolder()?.token !== self.token) return false;
        write({ ...self, renewedAtMs: Date.now() });
        return true;
      });
      if (!isHeld) {
        clearInterval(renewal);
        reportLost();
      }
    } catch (error) {
      onError(error);
    }
  }

  return {
    lost,
    async acquire(signal) {
      while (!signal.aborted) {
        files.root.resetReadTxn();
        const holder = readHolder();
        // Looking costs nothing; only a lock that looks free is worth a transaction.
        if ((holder === undefined || !isAlive(holder, self.system)) && (await take())) {
          renewal = setInterval(() => {
            renewing = renew();
          }, RENEW_MS);
          return true;
        }
        await pause(RETRY_MS, signal);
      }
      return false;
    },
    async release() {
      clearInterval(renewal);
      await renewing;
      await change(() => {
        if (readHolder()?.token === self.token) write(undefined);
        return true;
      });
    },
  };
}

function isAlive(holder: Holder, system: string | undefined): boolean {
  if (Date.now() - holder.renewedAtMs > LEASE_MS) return false;
  if (holder.system !== system) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: the process lives, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return holder.startedAt === startOf(holder.pid);
}

/** When a process started, in the system's own unit, where /proc tells. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold anything; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function systemId(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}
