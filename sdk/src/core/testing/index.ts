export * from './manual-timers.js';
export * from './outbox-contract.js';
