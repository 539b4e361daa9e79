export type { PersonHistory } from './history.js';
