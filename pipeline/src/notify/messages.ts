import type { Severity } from './severity.js';

/** What a notification says of a flag. Instants are ISO 8601 in UTC. */
export interface ToldAnomaly {
  anomaly_id: number;
  project_id: number;
  /** Name of the watch. */
  watch: string;
  metric: unknown;
  /** Which series of the watch; empty for the only or total one. */
  series: string;
  interval: string;
  state: string;
  severity: Severity;
  direction: 'up' | 'down';
  /** Start of the bucket that opened it, and of the first one that was out of the ordinary. */
  bucket: string;
  since: string;
  observed: number;
  expected: number;
  lower: number;
  upper: number;
  surprise: number;
  opened_at: string;
  last_seen_at: string;
  resolved_at: string | null;
  peak: { bucket: string; observed: number; expected: number; surprise: number };
  /** Null: not known. */
  evidence:
    readonly { field: string; value: string; observed: number; expected: number; share: number }[] | null;
}

/** What is sent, whatever the channel. */
export type Message =
  | { type: 'anomaly.opened' | 'anomaly.resolved'; timestamp: string; project: string; data: ToldAnomaly }
  | {
      type: 'anomaly.digest';
      timestamp: string;
      project: string;
      /** Local day of the project. */
      data: { day: string; anomalies: ToldAnomaly[]; more: number };
    }
  | { type: 'test'; timestamp: string; project: string; data: Record<string, never> };

/** One line that says what it is about: `Warning: Signup in default-events is down, 3 in place of about 41`. */
export function headlineOf(message: Message): string {
  switch (message.type) {
    case 'anomaly.opened':
      return `${capitalized(message.data.severity)}: ${changeOf(message.data)}`;
    case 'anomaly.resolved':
      return `Resolved: ${subjectOf(message.data)} is as expected again`;
    case 'anomaly.digest': {
      const count = message.data.anomalies.length + message.data.more;
      return `${count} ${count === 1 ? 'anomaly' : 'anomalies'} on ${message.data.day}`;
    }
    case 'test':
      return 'A test: this channel works';
  }
}

/** What follows the headline, line by line. */
export function detailsOf(message: Message): string[] {
  switch (message.type) {
    case 'anomaly.opened': {
      const { data } = message;
      return [
        `Expected between ${numberOf(data.lower)} and ${numberOf(data.upper)} in the ${intervalOf(data)} from ${data.bucket}.`,
        `Out of the ordinary since ${data.since}.`,
        ...evidenceLines(data),
      ];
    }
    case 'anomaly.resolved': {
      const { data } = message;
      const { peak } = data;
      return [
        `From ${data.since} to ${data.last_seen_at}.`,
        `Furthest out in the ${intervalOf(data)} from ${peak.bucket}: ${numberOf(peak.observed)} in place of about ${numberOf(peak.expected)}.`,
      ];
    }
    case 'anomaly.digest': {
      const { anomalies, more } = message.data;
      return [
        ...anomalies.map((one) => `${one.since}  ${capitalized(one.severity)}: ${changeOf(one)}`),
        ...(more > 0 ? [`… and ${more} more`] : []),
      ];
    }
    case 'test':
      return [];
  }
}

function evidenceLines({ evidence }: ToldAnomaly): string[] {
  if (evidence === null) return ['What explains it could not be found out.'];
  return evidence.map(
    ({ field, value, observed, expected, share }) =>
      `${field} ${value === '' ? '(none)' : value}: ${numberOf(observed)} in place of about ${numberOf(expected)}, ${Math.round(share * 100)} % of the change`,
  );
}

function changeOf(data: ToldAnomaly): string {
  return `${subjectOf(data)} is ${data.direction}, ${numberOf(data.observed)} in place of about ${numberOf(data.expected)}`;
}

function subjectOf({ watch, series }: ToldAnomaly): string {
  return series === '' ? watch : `${series} in ${watch}`;
}

function intervalOf({ interval }: ToldAnomaly): string {
  return interval.replaceAll('_', ' ');
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function numberOf(value: number): string {
  return new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 }).format(value);
}
