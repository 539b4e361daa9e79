export * from './errors.js';
export * from './ingest.js';
export * from './log-record.js';
export * from './watermark.js';
