import { InvalidArgumentError } from 'commander';

/** An instant that somebody typed, as ISO 8601 in UTC. */
export function parseInstant(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('An instant looks like 2025-01-31T00:00:00Z.');
  return new Date(ms).toISOString();
}
