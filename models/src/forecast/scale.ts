/** The scale on which errors are compared: on it, errors of counts are about as large at night as at noon. */
export interface Scale {
  to(value: number): number;
  from(scaled: number): number;
  /** Added to values so that the models, which multiply, can take them. */
  shift: number;
}

/** Anscombe's transform without its factor: Poisson counts have nearly one variance on it. */
const COUNTS: Scale = {
  to: (value) => Math.sqrt(Math.max(value, 0) + 3 / 8),
  from: (scaled) => Math.max(0, Math.max(scaled, 0) ** 2 - 3 / 8),
  shift: 0,
};

/** Of values that are never negative, forecasts are neither. Others are lifted far above zero, where to multiply is to add. */
export function scaleFor(values: Iterable<number | null>): Scale {
  let smallest = 0;
  let largest = 0;
  for (const value of values) {
    if (value === null) continue;
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, Math.abs(value));
  }
  if (smallest >= 0) return COUNTS;
  return { to: (value) => value, from: (scaled) => scaled, shift: 4 * largest };
}
