/**
 * Makes probabilities of longer and longer horizons ones that never grow: who does nothing for 90 days does nothing for 30.
 * The model of each horizon is a regression of its own, and two can disagree; neighbours that do are told their mean, which
 * is the closest there is (pool adjacent violators, equal weights). Changes `values` in place.
 */
export function putInOrder(values: Float64Array): void {
  let first = 0;
  while (first < values.length) {
    let sum = values[first]!;
    let last = first;
    let best = last;
    let bestMean = sum;
    // From here on, the longest stretch with the largest mean becomes one value.
    while (last + 1 < values.length) {
      last += 1;
      sum += values[last]!;
      const mean = sum / (last - first + 1);
      if (mean >= bestMean) {
        bestMean = mean;
        best = last;
      }
    }
    if (best > first) values.fill(bestMean, first, best + 1);
    first = best + 1;
  }
}
