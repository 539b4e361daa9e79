export * from './answers.js';
export * from './errors.js';
export * from './ingest.js';
export * from './log-record.js';
export * from './messages/index.js';
export * from './query.js';
export * from './tracking-plan/index.js';
export * from './watermark.js';
