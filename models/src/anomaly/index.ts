export {
  BUCKET_MS,
  type Direction,
  type Judgement,
  type MonitorOptions,
  type Point,
  type SeriesMonitor,
  type Transition,
  type Verdict,
  type WatchInterval,
} from './monitor.js';
export { createSeriesMonitor } from './create-series-monitor.js';
export { UnusableStateError } from './state-bytes.js';
export { createEnsembleDetector, type EnsembleDetector, type EnsembleOptions } from './ensemble/index.js';
