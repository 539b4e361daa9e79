export * from './check-plan.js';
export * from './currencies.js';
export * from './typed-events.js';
export * from './typed-track.js';
