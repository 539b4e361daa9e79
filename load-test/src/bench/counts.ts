import { FALSE_ALERTS_PER_MONTH, measureCell, type Cell, type MeasuredCell } from './counts/measure-cell.js';

export interface CountsResult {
  /** Total outages found within two buckets of the first, of those in cells from five events a bucket up. */
  outagesFound: number;
  /** Drops to the half found while they last, of those in cells from fifty events a bucket up. */
  dropsFound: number;
  /** Incidents in series without any, against what was configured, over all cells. */
  falseAlertRatio: number;
  falseAlertsPerMonthConfigured: number;
  /** How it was measured, in words. */
  method: string;
  cells: MeasuredCell[];
  /** Aims that are not met, in words. */
  missedAims: string[];
}

export interface CountsBenchOptions {
  /** Series a cell. Default 24. */
  series?: number;
  /** Days after the warm-up in which false alerts are counted. Default 70. */
  days?: number;
  signal?: AbortSignal;
  onProgress?: (text: string) => void;
}

/** Nineteen outages of twenty, seventeen drops of twenty; false alerts within this factor of the configured rate, in each cell. */
const AIMS = { outagesFound: 0.95, dropsFound: 0.85, falseAlertFactor: 1.5 } as const;

const MEANS = [1, 5, 50, 500] as const;
const DISPERSIONS = [0, 0.05] as const;

const METHOD =
  'Simulated counts with a rhythm of day and week, Poisson and negative binomial. Incidents begin at random where at least ' +
  'half of the mean is expected as long as they last (6 h of hours, 2 h of five minutes): where nothing is expected, ' +
  'nothing is missed; and where no incident is open already. outage: nothing comes; drop: half; spike: three times as many; drift: down to 60 % within 7 days, ' +
  'found within 10. A delay of 0 is the first bucket of the incident; within two buckets: 0, 1 or 2.';

/** How well the monitor of counts finds what was injected into simulated series, and how often it is wrong. */
export async function benchCounts({
  series = 24,
  days = 70,
  signal,
  onProgress,
}: CountsBenchOptions = {}): Promise<CountsResult> {
  const planned: Cell[] = (['hour', 'five_minutes'] as const).flatMap((interval) =>
    MEANS.flatMap((mean) => DISPERSIONS.map((dispersion) => ({ interval, mean, dispersion }))),
  );
  const cells: MeasuredCell[] = [];
  for (const cell of planned) {
    signal?.throwIfAborted();
    onProgress?.(
      `${cells.length + 1}/${planned.length}: ${cell.mean} a bucket, ${cell.interval}, dispersion ${cell.dispersion}`,
    );
    // Progress and Ctrl+C get their turn between cells.
    await new Promise(setImmediate);
    cells.push(measureCell(cell, { series, days }));
  }
  const share = (of: readonly MeasuredCell[], count: (cell: MeasuredCell) => [number, number]): number => {
    const counted = of.map(count);
    return counted.reduce((sum, [n]) => sum + n, 0) / counted.reduce((sum, [, all]) => sum + all, 0);
  };
  const outagesFound = share(
    cells.filter(({ mean }) => mean >= 5),
    ({ found }) => [found.outage.foundWithinTwo, found.outage.of],
  );
  const dropsFound = share(
    cells.filter(({ mean }) => mean >= 50),
    ({ found }) => [found.drop.found, found.drop.of],
  );
  const falseAlertRatio = share(cells, ({ falseAlerts, expectedFalseAlerts }) => [
    falseAlerts,
    expectedFalseAlerts,
  ]);
  const isNear = (ratio: number): boolean =>
    ratio <= AIMS.falseAlertFactor && ratio >= 1 / AIMS.falseAlertFactor;
  return {
    outagesFound,
    dropsFound,
    falseAlertRatio,
    falseAlertsPerMonthConfigured: FALSE_ALERTS_PER_MONTH,
    method: METHOD,
    cells,
    missedAims: [
      ...(outagesFound >= AIMS.outagesFound ? [] : ['total outages found']),
      ...(dropsFound >= AIMS.dropsFound ? [] : ['drops found']),
      ...(isNear(falseAlertRatio) ? [] : ['false alerts']),
      ...cells
        .filter((cell) => !isNear(cell.falseAlertRatio))
        .map(({ interval, mean, dispersion }) => `false alerts: ${interval}, ${mean}, ${dispersion}`),
    ],
  };
}
