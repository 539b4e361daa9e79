/**
 * The numbered steps of a batch, in order. A process that ends between any two of them resumes without loss or repetition;
 * tests end it there.
 *
 * 1 fenced              the offset is advanced in the open transaction; a second owner waits here, then gives up
 * 2 rows-copied         the new rows are written
 * 3 account-written     dead letters, duplicates and the ledger are written
 * 4 profiles-written    devices, identities and users are written
 * 5 manifest-written    the batch is on its way to ClickHouse
 * 6 committed           all of the above holds
 * 7 rollup-started      the batch is read, nothing sent
 * 8 rollup-inserted     ClickHouse has the rows, Postgres does not know
 * 9 rollup-done         Postgres knows
 */
export type PipelineStep =
  | 'fenced'
  | 'rows-copied'
  | 'account-written'
  | 'profiles-written'
  | 'manifest-written'
  | 'committed'
  | 'rollup-started'
  | 'rollup-inserted'
  | 'rollup-done';

/** Called after each step of each batch; the work waits for it. */
export type OnStep = (step: PipelineStep) => Promise<void> | void;
