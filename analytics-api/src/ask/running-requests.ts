/** Requests that run now, so that one can be cancelled by the name its client gave it. */
export interface RunningRequests {
  start(projectId: number, queryId: string | undefined, signal: AbortSignal): RunningRequest;
  /** Cancels all requests of a project with this name; how many there were. */
  cancel(projectId: number, queryId: string): number;
}

export interface RunningRequest {
  /** Aborts when the request is cancelled, or when nobody waits for it any more. */
  signal: AbortSignal;
  isCancelled(): boolean;
  finish(): void;
}

export function createRunningRequests(): RunningRequests {
  const running = new Map<string, Set<AbortController>>();
  const keyOf = (projectId: number, queryId: string): string => `${projectId}/${queryId}`;
  return {
    start(projectId, queryId, signal) {
      if (queryId === undefined) return { signal, isCancelled: () => false, finish: () => undefined };
      const controller = new AbortController();
      const key = keyOf(projectId, queryId);
      const named = running.get(key) ?? new Set();
      running.set(key, named.add(controller));
      return {
        signal: AbortSignal.any([signal, controller.signal]),
        isCancelled: () => controller.signal.aborted,
        finish() {
          named.delete(controller);
          if (named.size === 0 && running.get(key) === named) running.delete(key);
        },
      };
    },
    cancel(projectId, queryId) {
      const named = running.get(keyOf(projectId, queryId)) ?? new Set();
      for (const controller of named) controller.abort();
      return named.size;
    },
  };
}
