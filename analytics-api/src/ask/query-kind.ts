import { REQUEST_KEYS, type Point, type Query, type QueryAnswer, type QueryKind } from '@sluice/contracts';
import { isoOf } from '../time/range.js';
import type { QueryScope } from './query-scope.js';

export type QueryOf<K extends QueryKind> = Extract<Query, { kind: K }>;
export type AnswerOf<K extends QueryKind> = Extract<QueryAnswer, { kind: K }>;

/** SQL whose rows are people, each once, in a column `person`: a hash of their id, never 0. */
export interface PeopleSql {
  sql: string;
  params: Readonly<Record<string, unknown>>;
}

/** One kind of question: how it is answered. */
export interface QuestionKind<K extends QueryKind> {
  kind: K;
  /** Answers. @throws SluiceError when the question cannot be answered as it stands. */
  answer(query: QueryOf<K>, scope: QueryScope): Promise<AnswerOf<K>>;
  /**
   * The people that one number of the answer counts, exactly as many as the number says.
   * @throws SluiceError invalid_query (field below `/point`) when the answer has no such number, or it counts no people.
   */
  people(query: QueryOf<K>, point: Point<K>, scope: QueryScope): Promise<PeopleSql>;
}

/** What is asked, as it is echoed: the range as instants, the zone named, without how the request is to be run. */
export function echoOf<Q extends Query>(
  query: Q,
  { range, zone }: Pick<QueryScope, 'range' | 'zone'>,
): Omit<Q, (typeof REQUEST_KEYS)[number]> {
  const asked = Object.entries(query).filter(([key]) => !(REQUEST_KEYS as readonly string[]).includes(key));
  const bounds =
    query.kind === 'live' ? {} : { from: isoOf(range.fromMs), to: isoOf(range.toMs), timezone: zone.name };
  return { ...Object.fromEntries(asked), ...bounds } as Omit<Q, (typeof REQUEST_KEYS)[number]>;
}
