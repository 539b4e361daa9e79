import { CountDetector } from './count/count-detector.js';
import { Incidents } from './incidents.js';
import { BUCKET_MS, type Judgement, type MonitorOptions, type Point, type SeriesMonitor } from './monitor.js';
import { StateReader, StateWriter, UnusableStateError } from './state-bytes.js';

const FORMAT = 'sluice-series-monitor';
const FORMAT_VERSION = 1;

/**
 * A monitor for one series, new or continued from what `save` gave.
 *
 * Counts are watched by {@link CountDetector}: it expects something after two days, and opens incidents after fourteen
 * (series of days: fourteen and twenty-eight), so history is best replayed first.
 *
 * @throws UnusableStateError when the state is of another version, kind or interval, or damaged
 * @throws RangeError for an unknown zone, a holiday that is no date, or a rate of false alerts that is not above zero
 */
export function createSeriesMonitor(options: MonitorOptions, saved?: Uint8Array): SeriesMonitor {
  const rate = options.falseAlertsPerMonth ?? 1;
  if (!(rate > 0 && Number.isFinite(rate))) {
    throw new RangeError('falseAlertsPerMonth is a number above zero.');
  }
  if (options.kind === 'level') throw new Error('Levels cannot be watched yet.');

  const form = `${options.kind} ${options.interval}`;
  const reader = saved && openState(saved, form);
  const detector = new CountDetector(options, reader);
  const incidents = new Incidents(BUCKET_MS[options.interval]);
  if (reader) {
    incidents.read(reader);
    reader.end();
  }

  return {
    detector: detector.name,
    detectorVersion: detector.version,
    step(point: Point): Judgement {
      const finding = detector.step(point);
      const transition = incidents.step(finding, detector.localTime(point.startMs));
      if (transition.kind === 'opened') detector.incidentOpened(transition.direction);
      if (transition.kind === 'resolved') detector.incidentResolved();
      return { verdict: finding.verdict, transition };
    },
    learn(feedback) {
      incidents.learn(feedback);
    },
    save() {
      const writer = new StateWriter().text(FORMAT).number(FORMAT_VERSION).text(form);
      writer.number(detector.version);
      detector.write(writer);
      incidents.write(writer);
      return writer.done();
    },
  };

  function openState(bytes: Uint8Array, expectedForm: string): StateReader {
    const state = new StateReader(bytes);
    if (state.text() !== FORMAT) throw new UnusableStateError('This is no state of a series monitor.');
    const version = state.number();
    if (version !== FORMAT_VERSION)
      throw new UnusableStateError(`Version ${version} of a state is not known.`);
    const savedForm = state.text();
    if (savedForm !== expectedForm) {
      throw new UnusableStateError(`The state is of a series of ${savedForm}, not of ${expectedForm}.`);
    }
    const detectorVersion = state.number();
    if (detectorVersion !== 1) {
      throw new UnusableStateError(`Version ${detectorVersion} of the detector is not known.`);
    }
    return state;
  }
}
