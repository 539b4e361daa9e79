export { openEventLog, type OpenEventLogOptions } from './open-event-log.js';
export * from './port.js';
