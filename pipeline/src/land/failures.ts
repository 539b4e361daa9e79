/** Another owner of the partition has landed past this batch: its rows are not ours to write. */
export class StaleOwnerError extends Error {
  override name = 'StaleOwnerError';

  constructor(partition: number, from: number) {
    super(`Partition ${partition} is no longer at offset ${from}: another owner has moved it on.`);
  }
}

interface PostgresFault extends Error {
  code?: unknown;
}

/** SQLSTATE of an error of the database; undefined for a broken connection and everything that is not the database's. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as PostgresFault;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * True when the database refuses the data itself, so that trying again cannot help: data exceptions (22), broken
 * constraints (23) and exceeded limits (54). Everything else passes: lost connections, deadlocks, full disks, a missing
 * table or a database that is only starting.
 */
export function isRefusedData(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && /^(22|23|54)/.test(state) && state !== UNIQUE_VIOLATION;
}

export const UNIQUE_VIOLATION = '23505';

export function isUniqueViolation(error: unknown): boolean {
  return sqlStateOf(error) === UNIQUE_VIOLATION;
}
