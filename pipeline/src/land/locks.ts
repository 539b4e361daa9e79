import { ROLLUPS_LOCK } from '@sluice/warehouse';

/**
 * Advisory locks of the pipeline. Two numbers each: what is locked, and which one.
 *
 * - PROFILES, by project: shared by every landing that writes profiles, exclusive for one that changes identities, so that
 *   no profile is written under an id that is being merged away.
 * - ROLLUPS, 0: shared by every rollup of a batch, exclusive while a rebuild swaps generations, and
 *   while a migration changes the tables.
 * - UPKEEP, 0: one upkeep at a time.
 * - REBUILD, 0: one rebuild at a time.
 * - JOB, by job: one runner works on it.
 * - WATCH, by project: one watcher judges its series.
 * - ANOMALY_CHANGES, by project: held to the end of a transaction that numbers changes of anomalies, so that a change with a
 *   smaller number is never seen after one with a larger.
 * - CHURN, by project: one scoring at a time; an erasure holds it, too.
 * - PEOPLE, by project: shared by every landing, exclusive while a person's rows are taken out of Postgres, so that none
 *   lands that was looked for before the person was marked as erased.
 * - ERASURE, by project: one erasure or expiry at a time.
 */
export const LOCKS = {
  PROFILES: 0x51_c0_01,
  ROLLUPS: ROLLUPS_LOCK,
  UPKEEP: 0x51_c0_03,
  REBUILD: 0x51_c0_04,
  JOB: 0x51_c0_05,
  WATCH: 0x51_c0_06,
  ANOMALY_CHANGES: 0x51_c0_07,
  CHURN: 0x51_c0_08,
  PEOPLE: 0x51_c0_09,
  ERASURE: 0x51_c0_0b,
} as const;
