/**
 * What scores mean. Each view is calibrated on its own series, but how often several of them are surprised together is not
 * known from a few weeks of it: calibrated on the series, a score takes the incidents of the past for the ordinary, and was
 * found to miss the next ones. So it is compared with stationary noise instead, in which nothing is ever wrong: 200 series of
 * 10,368 independent normal values, of each of which the last 8,640 count.
 *
 * At a score of 2, noise that remembers itself alerts as often, skewed or heavy-tailed noise up to 1.8 times, noise with a
 * daily rhythm a third as often; far beyond it heavy tails alert several times as often.
 */
const NOISE: readonly { score: number; surprise: number; alertsPerPoint: number }[] = [
  { score: 0.25, surprise: 0.02, alertsPerPoint: 63.99 / 8_640 },
  { score: 0.5, surprise: 0.22, alertsPerPoint: 49.47 / 8_640 },
  { score: 0.75, surprise: 0.56, alertsPerPoint: 37.03 / 8_640 },
  { score: 1, surprise: 0.96, alertsPerPoint: 27.41 / 8_640 },
  { score: 1.25, surprise: 1.39, alertsPerPoint: 19.2 / 8_640 },
  { score: 1.5, surprise: 1.83, alertsPerPoint: 12.7 / 8_640 },
  { score: 1.75, surprise: 2.28, alertsPerPoint: 7.68 / 8_640 },
  { score: 2, surprise: 2.75, alertsPerPoint: 4.27 / 8_640 },
  { score: 2.25, surprise: 3.23, alertsPerPoint: 1.96 / 8_640 },
  { score: 2.5, surprise: 3.75, alertsPerPoint: 0.75 / 8_640 },
  { score: 2.75, surprise: 4.21, alertsPerPoint: 0.27 / 8_640 },
  { score: 3, surprise: 4.81, alertsPerPoint: 0.07 / 8_640 },
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
