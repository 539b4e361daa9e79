import { setTimeout as delay } from 'node:timers/promises';
import type { Check, CheckTools } from './checks.js';

export interface CheckVerdict {
  name: string;
  rule: string;
  /** `unsettled`: events kept arriving while it was looked at, so nothing can be said. */
  verdict: 'equal' | 'different' | 'unsettled';
  left: { what: string; values: number[] };
  right: { what: string; values: number[] };
  attempts: number;
}

const ATTEMPTS = 6;
const PAUSE_MS = 150;

/**
 * Runs a check until its two sides agree, or differ twice in the same way over data that has not changed: an event that
 * becomes visible between two questions is no fault.
 */
export async function reconcile(
  check: Check,
  tools: CheckTools,
  dataVersion: () => Promise<string>,
  signal: AbortSignal,
): Promise<CheckVerdict> {
  let before: { seen: string; version: string } | undefined;
  let sides: Awaited<ReturnType<Check['run']>> = { left: [], right: [] };
  const verdictOf = (verdict: CheckVerdict['verdict'], attempts: number): CheckVerdict => ({
    name: check.name,
    rule: check.rule,
    verdict,
    left: { what: check.left, values: sides.left },
    right: { what: check.right, values: sides.right },
    attempts,
  });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const version = await dataVersion();
    sides = await check.run(tools);
    if (areEqual(sides.left, sides.right)) return verdictOf('equal', attempt);
    const seen = JSON.stringify(sides);
    if (before?.seen === seen && before.version === version && (await dataVersion()) === version) {
      return verdictOf('different', attempt);
    }
    before = { seen, version };
    await delay(PAUSE_MS, undefined, { signal });
  }
  return verdictOf('unsettled', ATTEMPTS);
}

function areEqual(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
