import { CountDetector } from './count/count-detector.js';
import { LocalClock } from './count/local-clock.js';
import type { Detector } from './detector.js';
import { Incidents } from './incidents.js';
import { LevelDetector } from './level-detector.js';
import { BUCKET_MS, type Judgement, type MonitorOptions, type Point, type SeriesMonitor } from './monitor.js';
import { StateReader, StateWriter, UnusableStateError } from './state-bytes.js';

const FORMAT = 'sluice-series-monitor';
const FORMAT_VERSION = 1;

/**
 * A monitor for one series, new or continued from what `save` gave. Options other than kind and interval may change
 * between the two.
 *
 * Counts are watched by {@link CountDetector}: it expects something after two days, and opens incidents after fourteen
 * (series of days: fourteen and twenty-eight), so history is best replayed first. Other numbers are watched by
 * {@link LevelDetector}.
 *
 * @throws UnusableStateError when the state is of another version, kind or interval, or damaged
 * @throws RangeError for an unknown zone, a holiday that is no date, no direction, or a rate of false alerts that is not
 *   above zero
 */
export function createSeriesMonitor(options: MonitorOptions, saved?: Uint8Array): SeriesMonitor {
  const rate = options.falseAlertsPerMonth ?? 1;
  if (!(rate > 0 && Number.isFinite(rate))) {
    throw new RangeError('falseAlertsPerMonth is a number above zero.');
  }
  if (options.directions?.length === 0) throw new RangeError('At least one direction is watched.');

  const clock = new LocalClock(options.timeZone);
  const form = `${options.kind} ${options.interval}`;
  const reader = saved && openState(saved, form);
  const detector: Detector =
    options.kind === 'count' ? new CountDetector(options, reader) : new LevelDetector(options, reader);
  const incidents = new Incidents(BUCKET_MS[options.interval]);
  let lastMs = Number.NEGATIVE_INFINITY;
  if (reader) {
    incidents.read(reader);
    lastMs = reader.number();
    reader.end();
  }

  return {
    detector: detector.name,
    detectorVersion: detector.version,
    step(point: Point): Judgement {
      if (!(point.startMs > lastMs)) {
        throw new RangeError('Buckets are watched in the order of time, each once.');
      }
      const finding = detector.step(point);
      lastMs = point.startMs;
      const transition = incidents.step(finding, clock.at(point.startMs));
      if (transition.kind === 'opened') detector.incidentOpened(transition.direction, point.startMs);
      if (transition.kind === 'resolved') detector.incidentResolved();
      return { verdict: finding.verdict, transition };
    },
    learn(feedback) {
      incidents.learn(feedback);
    },
    save() {
      const writer = new StateWriter().text(FORMAT).number(FORMAT_VERSION).text(form);
      detector.write(writer);
      incidents.write(writer);
      return writer.number(lastMs).done();
    },
  };
}

function openState(bytes: Uint8Array, expectedForm: string): StateReader {
  const state = new StateReader(bytes);
  if (state.text() !== FORMAT) throw new UnusableStateError('This is no state of a series monitor.');
  const version = state.number();
  if (version !== FORMAT_VERSION) throw new UnusableStateError(`Version ${version} of a state is not known.`);
  const form = state.text();
  if (form !== expectedForm) {
    throw new UnusableStateError(`The state is of a series of ${form}, not of ${expectedForm}.`);
  }
  return state;
}
