/** The clock of an environment. */
export interface Timers {
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Calls back once, after a delay in milliseconds. Must not keep a process alive. */
  set(callback: () => void, delayMs: number): unknown;
  clear(timer: unknown): void;
}
