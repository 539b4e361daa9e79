import type { Judgement, Transition } from '@sluice/models/anomaly';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldIncidents, type FoldContext, type Incident } from './fold-incidents.js';
import type { JudgedBucket } from './judge-series.js';

const STEP_MS = 60_000;

function bucketAt(
  index: number,
  transition: Transition,
  of: { observed?: number | null; tail?: number; anomalous?: boolean } = {},
): JudgedBucket {
  const { observed = 0, tail = 1e-5, anomalous = true } = of;
  const judgement: Judgement = {
    verdict: {
      startMs: index * STEP_MS,
      observed,
      expected: 10,
      lower: 3,
      upper: 20,
      tailProbability: tail,
      direction: 'down',
      isAnomalous: anomalous,
    },
    transition,
  };
  return { startMs: index * STEP_MS, endMs: (index + 1) * STEP_MS, judgement };
}

const NONE: Transition = { kind: 'none' };
const CONTINUED: Transition = { kind: 'continued' };
const RESOLVED: Transition = { kind: 'resolved' };
const openedSince = (index: number): Transition => ({
  kind: 'opened',
  direction: 'down',
  sinceMs: index * STEP_MS,
});

const context = (of: Partial<FoldContext> = {}): FoldContext => ({
  watchedSinceMs: 0,
  snoozedUntilMs: undefined,
  earlier: [],
  evidenceOf: () => [],
  ...of,
});

describe('incidents of a series', () => {
  it('open, go on and are resolved', () => {
    const [changed, ...others] = foldIncidents(
      undefined,
      [
        bucketAt(0, NONE, { anomalous: false }),
        bucketAt(1, openedSince(1)),
        bucketAt(2, CONTINUED, { tail: 1e-7 }),
        bucketAt(3, CONTINUED, { anomalous: false }),
        bucketAt(4, RESOLVED, { anomalous: false }),
      ],
      context(),
    );
    expect(others).toEqual([]);
    expect(changed).toMatchObject({ tellOpened: true, tellResolved: true });
    expect(changed!.incident).toMatchObject({
      bucketMs: STEP_MS,
      state: 'resolved',
      openedMs: 2 * STEP_MS,
      lastSeenMs: 3 * STEP_MS,
      resolvedMs: 5 * STEP_MS,
      peak: { startMs: 2 * STEP_MS },
      extent: { buckets: 2, observedSum: 0, expectedSum: 20 },
    });
  });

  it('count the buckets since they began, of this slice and of earlier ones', () => {
    const [changed] = foldIncidents(
      undefined,
      [bucketAt(3, NONE, { observed: 2 }), bucketAt(4, openedSince(2), { observed: 1 })],
      context({
        earlier: [{ startMs: 2 * STEP_MS, observed: 3, expected: 10, tailProbability: 1e-9 }],
      }),
    );
    expect(changed!.incident).toMatchObject({
      sinceMs: 2 * STEP_MS,
      extent: { buckets: 3, observedSum: 6, expectedSum: 30 },
      peak: { startMs: 2 * STEP_MS, observed: 3 },
    });
  });

  it('tell nobody of what is found in history, not even that it is over', () => {
    const changed = foldIncidents(
      undefined,
      [bucketAt(0, openedSince(0)), bucketAt(1, RESOLVED, { anomalous: false })],
      context({ watchedSinceMs: STEP_MS }),
    );
    expect(changed).toMatchObject([
      { tellOpened: false, tellResolved: false, incident: { isBackfilled: true } },
    ]);
  });

  it('tell again when they become worse', () => {
    const [first] = foldIncidents(
      undefined,
      [bucketAt(0, openedSince(0), { observed: 4, tail: 1e-4 })],
      context(),
    );
    expect(first!.incident.severity).toBe('warning');
    const [worse] = foldIncidents(
      { ...first!.incident, anomalyId: 1 },
      [bucketAt(1, CONTINUED, { observed: 3, tail: 1e-9 })],
      context(),
    );
    expect(worse).toMatchObject({ tellOpened: false, incident: { severity: 'warning' } });
    const [worst] = foldIncidents(
      { ...worse!.incident, anomalyId: 1 },
      [0, 1, 2, 3].map((index) => bucketAt(2 + index, CONTINUED, { observed: 0, tail: 1e-9 })),
      context(),
    );
    expect(worst).toMatchObject({ tellOpened: true, incident: { severity: 'critical' } });
  });

  it('stay acknowledged while they go on', () => {
    const [opened] = foldIncidents(undefined, [bucketAt(0, openedSince(0))], context());
    const acknowledged: Incident = { ...opened!.incident, anomalyId: 1, state: 'acknowledged' };
    const [changed] = foldIncidents(acknowledged, [bucketAt(1, CONTINUED, { tail: 1e-20 })], context());
    expect(changed).toMatchObject({ tellOpened: false, incident: { state: 'acknowledged' } });
  });

  it('are suppressed while the series is snoozed, and open when they outlast it', () => {
    const snoozed = context({ snoozedUntilMs: 2 * STEP_MS });
    const [opened] = foldIncidents(undefined, [bucketAt(0, openedSince(0)), bucketAt(1, CONTINUED)], snoozed);
    expect(opened).toMatchObject({ tellOpened: false, incident: { state: 'suppressed' } });
    const [outlasting] = foldIncidents(
      { ...opened!.incident, anomalyId: 1 },
      [bucketAt(2, CONTINUED)],
      snoozed,
    );
    expect(outlasting).toMatchObject({
      tellOpened: true,
      incident: { state: 'open', suppressedBy: undefined },
    });
  });

  it('are over when a monitor that began anew opens another one', () => {
    const [opened] = foldIncidents(undefined, [bucketAt(0, openedSince(0))], context());
    const changed = foldIncidents(
      { ...opened!.incident, anomalyId: 1 },
      [bucketAt(1, openedSince(1))],
      context(),
    );
    expect(changed).toMatchObject([
      { incident: { anomalyId: 1, state: 'resolved' } },
      { incident: { anomalyId: undefined, state: 'open' } },
    ]);
  });

  it('are the same however the buckets are cut into slices', () => {
    const observed = fc.integer({ min: 0, max: 30 });
    const tail = fc.double({ min: 1e-12, max: 1, noNaN: true });
    const anomalous = fc.boolean();
    fc.assert(
      fc.property(
        fc.array(fc.record({ observed, tail, anomalous, turn: fc.double({ min: 0, max: 1, noNaN: true }) }), {
          maxLength: 30,
        }),
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 4 }),
        fc.integer({ min: 0, max: 30 }),
        (points, cuts, snoozedUntil) => {
          let isOpen = false;
          const buckets = points.map(({ turn, ...of }, index) => {
            if (!isOpen && turn < 0.3) {
              isOpen = true;
              return bucketAt(index, openedSince(Math.max(0, index - 1)), of);
            }
            if (isOpen && turn < 0.3) {
              isOpen = false;
              return bucketAt(index, RESOLVED, of);
            }
            return bucketAt(index, isOpen ? CONTINUED : NONE, of);
          });
          const fold = (edges: readonly number[]): Incident[] => {
            const all: Incident[] = [];
            let from = 0;
            for (const to of [...edges, buckets.length]) {
              const earlier = buckets
                .slice(0, from)
                .map(({ startMs, judgement }) => ({ ...judgement.verdict, startMs }));
              const open = all.find(({ resolvedMs }) => resolvedMs === undefined);
              const changes = foldIncidents(
                open,
                buckets.slice(from, to),
                context({ earlier, snoozedUntilMs: snoozedUntil * STEP_MS }),
              );
              for (const { incident } of changes) {
                const at = all.findIndex(({ bucketMs }) => bucketMs === incident.bucketMs);
                if (at === -1) all.push(incident);
                else all[at] = incident;
              }
              from = to;
            }
            return all;
          };
          const edges = [...new Set(cuts.filter((cut) => cut < buckets.length))].sort((a, b) => a - b);
          expect(fold(edges)).toEqual(fold([]));
        },
      ),
    );
  });
});
