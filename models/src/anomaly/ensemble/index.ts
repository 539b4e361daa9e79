export { createEnsembleDetector, type EnsembleDetector, type EnsembleOptions } from './ensemble-detector.js';
