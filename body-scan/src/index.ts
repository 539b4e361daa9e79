export * from './body-scanner.js';
