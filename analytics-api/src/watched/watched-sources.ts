import type { WatchInterval } from '@sluice/models/anomaly';
import type { ClickHouseQuestion, PostgresQuestion } from '../query-port/run-query.js';
import type { Statement } from '../sql/statement.js';
import type { SeriesKind } from './measured.js';

/** Where numbers of watched series of one project come from. Each rejects when a question fails. */
export interface WatchedSources {
  /** A new statement on the project's data. */
  statement(): Statement;
  ask<Row>(question: ClickHouseQuestion<Row>, limits?: { maxRows: number }): Promise<Row[]>;
  lookUp<Row>(question: PostgresQuestion<Row>): Promise<Row[]>;
  saved: AskSaved;
}

export interface SavedNumbersQuestion {
  projectId: number;
  /** IANA zone whose hours and days the buckets are. */
  timezone: string;
  name: string;
  /** Values of its parameters, as in its address. */
  parameters: Readonly<Record<string, string | string[]>>;
  /**
   * Of trends: letter of a series, or text or name of a formula; null: the first series. Of revenue: the currency; null: the
   * only one. Of a funnel it is always the conversion rate.
   */
  series: string | null;
  interval: WatchInterval;
  fromMs: number;
  toMs: number;
}

export interface AskSaved {
  /**
   * One number a bucket between two instants: numbers by the starts of their buckets, null where there is nothing to measure.
   * Buckets at the end whose numbers may still change are left out.
   * @throws SluiceError when the question fails, or does not give one number a bucket.
   */
  numbers(question: SavedNumbersQuestion, signal: AbortSignal): Promise<Map<number, number | null>>;
  /** What the numbers are; undefined when it is no question, or none that can be watched: asking for numbers says why. */
  kind(
    question: Pick<SavedNumbersQuestion, 'projectId' | 'name' | 'parameters' | 'series'>,
  ): Promise<SeriesKind | undefined>;
}
