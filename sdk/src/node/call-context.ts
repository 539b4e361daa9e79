/** What calls made within it have in common. */
export interface CallContext {
  userId?: string;
  anonymousId?: string;
  /** Added to each message's context; a call's own context wins. */
  context?: Record<string, unknown>;
}

/** Carries a context to whatever a function calls, now and later. */
export interface CallContextCarrier {
  run<T>(context: CallContext, work: () => T): T;
  read(): CallContext | undefined;
}

/** The part of Node's AsyncLocalStorage that carries a context; edge runtimes have it, too. */
export interface AsyncStorage {
  run<T>(store: CallContext, work: () => T): T;
  getStore(): CallContext | undefined;
}

/** Contexts nest: an inner one has the ids and members of the outer one that it does not set itself. */
export function createCarrier(storage: AsyncStorage): CallContextCarrier {
  return {
    read: () => storage.getStore(),
    run(inner, work) {
      const outer = storage.getStore();
      const context = { ...outer?.context, ...inner.context };
      return storage.run({ ...outer, ...inner, context }, work);
    },
  };
}

/** For runtimes without AsyncLocalStorage: the context reaches what runs before the function returns, and no further. */
export function createSyncStorage(): AsyncStorage {
  let current: CallContext | undefined;
  return {
    getStore: () => current,
    run(store, work) {
      const before = current;
      current = store;
      try {
        return work();
      } finally {
        current = before;
      }
    },
  };
}
