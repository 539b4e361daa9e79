/** A value in its place in time. */
export interface Moment {
  value: number;
  /** Part of the local day that has passed, 0 to below 1. */
  dayShare: number;
}

/** Looks at a series in one way. */
export interface Signal {
  /** How little the value fits to those before it, 0 or more, without a unit. Learns the value. */
  step(moment: Moment): number;
}
