/**
 * Small values by key. In memory until `keep` is called; from then on in localStorage, where pages of the origin share
 * it, and still in memory where the browser has none or it is full.
 */
export interface Storage {
  /** Whether other pages, and later ones, find what is set. */
  readonly isShared: boolean;
  get(key: string): string | undefined;
  /** `share` overrides where it goes. */
  set(key: string, text: string, share?: boolean): void;
  /** A value that `write` stored; undefined when there is none. */
  read(key: string): unknown;
  write(key: string, value: unknown, share?: boolean): void;
  remove(key: string): void;
  /** Keys that begin with a text, without it. */
  keys(start: string): string[];
  /** Moves what is in memory to localStorage, if there is one. */
  keep(): void;
  /** Deletes everything, and goes back to memory. */
  forget(): void;
}

/** `namespace` undefined: never anything but memory. */
export function createStorage(namespace: string | undefined): Storage {
  /** By keys with their prefix, as in localStorage. */
  const memory = new Map<string, string>();
  const prefix = `${namespace}:`;
  let area: globalThis.Storage | undefined;
  let isShared = false;
  try {
    // The browser throws at the mere look where the user blocks storage.
    if (namespace) area = localStorage;
  } catch {
    // Memory it is.
  }

  function set(key: string, text: string, share = isShared): void {
    memory.set(prefix + key, text);
    if (!share || !area) return;
    try {
      area.setItem(prefix + key, text);
      memory.delete(prefix + key);
    } catch {
      // Full: memory has it, and goes first.
    }
  }

  function get(key: string): string | undefined {
    return memory.get(prefix + key) ?? area?.getItem(prefix + key) ?? undefined;
  }

  function remove(key: string): void {
    memory.delete(prefix + key);
    area?.removeItem(prefix + key);
  }

  function keys(start: string): string[] {
    const from = prefix + start;
    // Object.keys is one call, where key(i) of a large storage is many.
    return [...memory.keys(), ...Object.keys(area ?? {})].flatMap((key) =>
      key.startsWith(from) ? key.slice(from.length) : [],
    );
  }

  return {
    get isShared() {
      return isShared;
    },
    get,
    set,
    read(key) {
      try {
        return JSON.parse(get(key)!) as unknown;
      } catch {
        return undefined;
      }
    },
    write: (key, value, share) => set(key, JSON.stringify(value), share),
    remove,
    keys,
    keep() {
      isShared = !!area;
      for (const [key, text] of memory) set(key.slice(prefix.length), text);
    },
    forget() {
      isShared = false;
      keys('').forEach(remove);
    },
  };
}
