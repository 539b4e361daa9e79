/**
 * What is known of a person at a cutoff. Activity is counted in days on which somebody was active, however often; times are
 * days before the cutoff.
 */
export interface PersonHistory {
  /** Since the first active day. */
  age: number;
  /** Since the last active day. */
  recency: number;
  /** Active days after the first one. */
  repeats: number;
  /** Active days within the last 7, 30 and 90 days. */
  active7: number;
  active30: number;
  active90: number;
  /** Events in all. */
  events: number;
  /** Money spent in all, and on how many days; 0 where nothing is sold. */
  value: number;
  valueDays: number;
}
