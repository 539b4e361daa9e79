export * from './config.js';
export * from './http-app.js';
export * from './keys.js';
export * from './lifecycle.js';
export * from './problem.js';
export * from './projects.js';
export * from './readiness.js';
export * from './telemetry.js';
