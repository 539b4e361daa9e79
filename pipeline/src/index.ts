export { eventIdOf } from './decode/event-id.js';
export { VERSION_SQL as identityVersionSql } from './land/identities.js';
export { LogMismatchError } from './land/position.js';
export type { OnStep, PipelineStep } from './land/steps.js';
export { createPipeline, type Pipeline, type PipelineConfig, type PipelineOptions } from './pipeline.js';
