/**
 * What scores mean. Each view is calibrated on its own series, but how often several of them are surprised together is not
 * known from a few weeks of it: calibrated on the series, a score takes the incidents of the past for the ordinary, and was
 * found to miss the next ones. So it is compared with stationary noise instead, in which nothing is ever wrong: 200 series of
 * 10,368 independent normal values, of each of which the last 8,640 count.
 *
 * Other stationary noise (dependent, skewed, with a daily rhythm) was found to alert between half and twice as often up to
 * a score of 2; heavy tails more often beyond it.
 */
const NOISE: readonly { score: number; surprise: number; alertsPerPoint: number }[] = [
  { score: 0.25, surprise: 0.02, alertsPerPoint: 66.03 / 8_640 },
  { score: 0.5, surprise: 0.2, alertsPerPoint: 52.12 / 8_640 },
  { score: 0.75, surprise: 0.54, alertsPerPoint: 38.74 / 8_640 },
  { score: 1, surprise: 0.95, alertsPerPoint: 28.26 / 8_640 },
  { score: 1.25, surprise: 1.38, alertsPerPoint: 19.5 / 8_640 },
  { score: 1.5, surprise: 1.82, alertsPerPoint: 12.78 / 8_640 },
  { score: 1.75, surprise: 2.28, alertsPerPoint: 7.6 / 8_640 },
  { score: 2, surprise: 2.76, alertsPerPoint: 3.99 / 8_640 },
  { score: 2.25, surprise: 3.24, alertsPerPoint: 1.87 / 8_640 },
  { score: 2.5, surprise: 3.71, alertsPerPoint: 0.81 / 8_640 },
  { score: 2.75, surprise: 4.17, alertsPerPoint: 0.3 / 8_640 },
  { score: 3, surprise: 4.75, alertsPerPoint: 0.1 / 8_640 },
];
const FIRST = NOISE[0]!;

/** Probability of at least this score at a point of stationary noise. Beyond the table its last piece goes on. */
export function tailProbabilityOf(score: number): number {
  if (score <= FIRST.score) return 10 ** (-FIRST.surprise * (Math.max(0, score) / FIRST.score));
  return (
    10 **
    -along(
      score,
      (row) => row.score,
      (row) => row.surprise,
    )
  );
}

/**
 * The score from which a point may alert, if alerts may come this often by chance. Not below the least score of the table:
 * alerts rest, so they cannot come more often than once in about 130 points.
 */
export function thresholdFor(alertsPerPoint: number): number {
  if (alertsPerPoint >= FIRST.alertsPerPoint) return FIRST.score;
  return along(
    -Math.log(alertsPerPoint),
    (row) => -Math.log(row.alertsPerPoint),
    (row) => row.score,
  );
}

type Row = (typeof NOISE)[number];

/** Linear between the rows, and after the last as between the last two. */
function along(at: number, x: (row: Row) => number, y: (row: Row) => number): number {
  let index = 1;
  while (index < NOISE.length - 1 && x(NOISE[index]!) < at) index += 1;
  const [left, right] = [NOISE[index - 1]!, NOISE[index]!];
  return y(left) + ((at - x(left)) / (x(right) - x(left))) * (y(right) - y(left));
}
