/** What a watch measures, the same for the watcher that judges it and for a simulation: its series, their buckets and numbers. */
export { botConditions } from '../sql/filter-sql.js';
export { createStatement, type Statement } from '../sql/statement.js';
export { findZone, type Zone } from '../time/zone.js';
export type { ClickHouseQuestion, PostgresQuestion } from '../query-port/run-query.js';
export * from './find-series.js';
export * from './find-unknown.js';
export * from './history.js';
export * from './lateness.js';
export * from './measured.js';
export * from './read-values.js';
export * from './watch-clock.js';
export * from './watched-sources.js';
