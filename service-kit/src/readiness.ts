export interface ReadinessReport {
  ready: boolean;
  checks: Record<string, { ok: boolean; reason?: string }>;
}

export interface Readiness {
  /** Adds a check; it rejects (with the reason) when the service cannot do its work for want of `name`. */
  add(name: string, check: () => Promise<unknown>): void;
  check(): Promise<ReadinessReport>;
}

/** Checks run side by side, each with its own deadline, so that one hanging store cannot hang the answer. */
export function createReadiness(timeoutMs = 2_000): Readiness {
  const checks = new Map<string, () => Promise<unknown>>();
  return {
    add(name, check) {
      checks.set(name, check);
    },
    async check() {
      const results = await Promise.all(
        [...checks].map(async ([name, check]) => [name, await outcome(check, timeoutMs)] as const),
      );
      return { ready: results.every(([, result]) => result.ok), checks: Object.fromEntries(results) };
    },
  };
}

async function outcome(
  check: () => Promise<unknown>,
  timeoutMs: number,
): Promise<{ ok: boolean; reason?: string }> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([check(), deadline]);
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
