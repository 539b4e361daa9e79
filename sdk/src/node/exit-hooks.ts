/**
 * The end of a process, for everything of this SDK in it: several instances, and several copies of the module, count as
 * one, so that none takes another's listener for the application's.
 */
export interface ExitHook {
  /** Sends what waits. Never rejects, and settles in bounded time. */
  flush(): Promise<unknown>;
  /** Whether something waits. */
  isPending(): boolean;
  signals: readonly NodeJS.Signals[];
}

interface Registry {
  hooks: Set<ExitHook>;
  listeners: Map<NodeJS.Signals, () => void>;
  isLeaving: boolean;
}

const REGISTRY = Symbol.for('@sluice/sdk exit hooks');
/** Longer than any flush: an idle timer would end the process in the middle of one. */
const HOLD_MS = 2 ** 30;

/**
 * - When the process has nothing left to do, it is kept until what waits is sent, as long as the flush takes.
 * - On a signal it flushes. If nobody else listens for the signal, the process then ends by it, as it would have without
 *   this SDK, with the same exit status; a second signal ends it at once. If the application listens, when and how the
 *   process ends is the application's business.
 *
 * Returns what takes the hook away again.
 */
export function addExitHook(hook: ExitHook): () => void {
  const registry = readRegistry();
  registry.hooks.add(hook);
  for (const signal of hook.signals) {
    if (registry.listeners.has(signal)) continue;
    const listener = (): void => leaveOn(signal, registry);
    registry.listeners.set(signal, listener);
    process.on(signal, listener);
  }
  return () => {
    registry.hooks.delete(hook);
    for (const [signal, listener] of registry.listeners) {
      if ([...registry.hooks].some(({ signals }) => signals.includes(signal))) continue;
      registry.listeners.delete(signal);
      process.off(signal, listener);
    }
  };
}

function readRegistry(): Registry {
  const place = globalThis as { [REGISTRY]?: Registry };
  const known = place[REGISTRY];
  if (known !== undefined) return known;
  const registry: Registry = { hooks: new Set(), listeners: new Map(), isLeaving: false };
  place[REGISTRY] = registry;
  // Comes again each time the process runs out of work; a flush that could not send everything is not repeated for ever.
  let attempted = new WeakSet<ExitHook>();
  process.on('beforeExit', () => {
    const pending = [...registry.hooks].filter((hook) => hook.isPending() && !attempted.has(hook));
    if (pending.length === 0) {
      attempted = new WeakSet();
      return;
    }
    for (const hook of pending) attempted.add(hook);
    flushAll(pending).catch(() => undefined);
  });
  return registry;
}

async function flushAll(hooks: Iterable<ExitHook>): Promise<void> {
  const hold = setTimeout(() => undefined, HOLD_MS);
  try {
    await Promise.all([...hooks].map((hook) => hook.flush()));
  } finally {
    clearTimeout(hold);
  }
}

function leaveOn(signal: NodeJS.Signals, registry: Registry): void {
  const isAlone = countOthers(signal) === 0;
  const end = (): void => {
    const listener = registry.listeners.get(signal);
    if (!isAlone || listener === undefined) return;
    registry.listeners.delete(signal);
    process.off(signal, listener);
    process.kill(process.pid, signal);
  };
  if (registry.isLeaving) {
    end();
    return;
  }
  registry.isLeaving = true;
  void flushAll(registry.hooks)
    .catch(() => undefined)
    .finally(() => {
      registry.isLeaving = false;
      end();
    });
}

/**
 * Listeners for the signal beside ours. Those of the package signal-exit, which much of npm loads, only watch: they end the
 * process themselves when nobody else listens, so they do not count.
 */
function countOthers(signal: NodeJS.Signals): number {
  const { __signal_exit_emitter__: third } = process as { __signal_exit_emitter__?: { count?: unknown } };
  const fourth = (globalThis as { [key: symbol]: { count?: unknown } | undefined })[
    Symbol.for('signal-exit emitter')
  ];
  const watching = [third, fourth].reduce(
    (sum, emitter) => sum + (typeof emitter?.count === 'number' ? emitter.count : 0),
    0,
  );
  return Math.max(0, process.listenerCount(signal) - 1 - watching);
}
