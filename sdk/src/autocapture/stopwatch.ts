export interface Stopwatch {
  /** Starts from zero. */
  reset(running: boolean): void;
  /** Goes on or pauses. */
  set(running: boolean): void;
  readMs(): number;
}

export function createStopwatch(now: () => number): Stopwatch {
  let ranMs = 0;
  let since: number | undefined;
  const readMs = (): number => ranMs + (since === undefined ? 0 : now() - since);
  const set = (running: boolean): void => {
    ranMs = readMs();
    since = running ? now() : undefined;
  };
  return {
    reset(running) {
      since = undefined;
      ranMs = 0;
      set(running);
    },
    set,
    readMs,
  };
}
