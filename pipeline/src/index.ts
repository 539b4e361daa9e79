export { eventIdOf } from './decode/event-id.js';
export { VERSION_SQL as identityVersionSql } from './land/identities.js';
export { LogMismatchError } from './land/position.js';
export type { OnStep, PipelineStep } from './land/steps.js';
export { eventOf as eventOfLetter } from './dead-letters/letter-event.js';
export {
  replayDeadLetters,
  type ReplayOptions,
  type ReplayReport,
} from './dead-letters/replay-dead-letters.js';
export {
  rebuildRollups,
  RebuildRunningError,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildResult,
} from './rebuild/rebuild-rollups.js';
export { erasePerson, NotErasedError, type EraseOptions } from './erase/erase-person.js';
export { listErasures, readErasure, requestErasure, type Erasure } from './erase/erasures.js';
export { findPersonIds } from './erase/find-person.js';
export { lookForPerson, lookInPostgres, type Found } from './erase/look-again.js';
export { isGenuine, type ErasureReceipt } from './erase/receipt.js';
export { exportPerson, type ExportLine, type ExportOptions } from './export/export-person.js';
export { doUpkeep, type UpkeepConfig, type UpkeepOptions } from './upkeep/upkeep.js';
export { scoreProject, type ScoringOptions, type ScoringOutcome } from './score/score-project.js';
export { readJob, requestJob, type Job, type JobKind } from './jobs/jobs.js';
export {
  createPipeline,
  type ChurnConfig,
  type Pipeline,
  type PipelineConfig,
  type PipelineOptions,
} from './pipeline.js';
export { churnConfigOf, churnSettings } from './score/settings.js';
export { pipelineSettings } from './settings.js';
export { watchConfigOf, watchSettings, type WatchConfig } from './watch/settings.js';
