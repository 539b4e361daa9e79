export { measureAppends } from './measure-appends.js';
export { measureConsumption, type ConsumptionOptions } from './measure-consumption.js';
export { openEventLog, type OpenEventLogOptions } from './open-event-log.js';
export * from './port.js';
