import { describe, expect, it } from 'vitest';
import type { Finding } from './detector.js';
import { Incidents } from './incidents.js';
import type { Direction, Transition } from './monitor.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const THRESHOLD = 8;

/** Feeds findings hour by hour: how surprising each bucket is, by itself or as one of several. */
function watchHours() {
  const incidents = new Incidents(HOUR_MS);
  let startMs = 0;
  return {
    incidents,
    skipTo: (ms: number): void => {
      startMs = ms;
    },
    step: (of: {
      evidence?: number;
      suspicion?: number;
      direction?: Direction;
      isOver?: boolean;
    }): Transition => {
      const { direction = 'down', isOver = false } = of;
      const finding: Finding = {
        verdict: {
          startMs,
          observed: 1,
          expected: 1,
          lower: 0,
          upper: 2,
          tailProbability: 1,
          direction,
          isAnomalous: false,
        },
        evidence:
          of.evidence === undefined
            ? null
            : { direction, sinceMs: startMs - HOUR_MS, surprise: of.evidence, threshold: THRESHOLD },
        suspicion:
          of.suspicion === undefined ? null : { direction, surprise: of.suspicion, threshold: THRESHOLD / 2 },
        isOver,
      };
      const local = { dayNumber: Math.floor(startMs / DAY_MS), sinceMidnightMs: startMs % DAY_MS };
      startMs += HOUR_MS;
      return incidents.step(finding, local);
    },
  };
}

describe('incidents', () => {
  it('open with one overwhelming bucket, since when it began', () => {
    const { step } = watchHours();
    expect(step({ evidence: 7.9 })).toEqual({ kind: 'none' });
    expect(step({ evidence: 8, direction: 'up' })).toEqual({ kind: 'opened', direction: 'up', sinceMs: 0 });
  });

  it('open with two suspicious buckets of three on one side', () => {
    const { step } = watchHours();
    expect(step({ suspicion: 4 }).kind).toBe('none');
    expect(step({ suspicion: 4, direction: 'up' }).kind).toBe('none');
    expect(step({ suspicion: 4 })).toEqual({ kind: 'opened', direction: 'down', sinceMs: 0 });
  });

  it('do not open with two suspicious buckets that are too far apart', () => {
    const { step, skipTo } = watchHours();
    step({ suspicion: 4 });
    step({});
    step({});
    expect(step({ suspicion: 4 }).kind).toBe('none');
    skipTo(20 * HOUR_MS);
    expect(step({ suspicion: 4 }).kind).toBe('none');
  });

  it('are one at a time, until it is over', () => {
    const { step, incidents } = watchHours();
    step({ evidence: 9 });
    expect(incidents.open).toBe('down');
    expect(step({ evidence: 30, direction: 'up' })).toEqual({ kind: 'continued' });
    expect(step({ isOver: true })).toEqual({ kind: 'resolved' });
    expect(incidents.open).toBeNull();
    expect(step({})).toEqual({ kind: 'none' });
  });

  it('ask for more of what came at the same time of an earlier day', () => {
    const { step, skipTo } = watchHours();
    const openAt = (day: number, hour: number, evidence: number): boolean => {
      skipTo(day * DAY_MS + hour * HOUR_MS);
      const opened = step({ evidence }).kind === 'opened';
      if (opened) step({ isOver: true });
      return opened;
    };
    expect(openAt(0, 3, 8.5)).toBe(true);
    expect(openAt(1, 3, 8.5)).toBe(false);
    expect(openAt(1, 12, 8.5)).toBe(true);
    expect(openAt(2, 3, 8.9)).toBe(true);
    // Forgotten after two weeks.
    expect(openAt(40, 3, 8.5)).toBe(true);
  });

  it('ask for more after false alarms, and for no less than configured after true ones', () => {
    const { step, incidents } = watchHours();
    const opens = (evidence: number): boolean => {
      const opened = step({ evidence }).kind === 'opened';
      if (opened) step({ isOver: true });
      return opened;
    };
    incidents.learn('true_alarm');
    expect(opens(7.9)).toBe(false);
    incidents.learn('false_alarm');
    expect(opens(8.5)).toBe(false);
    expect(opens(8.7)).toBe(true);
    for (let i = 0; i < 20; i++) incidents.learn('false_alarm');
    expect(opens(10)).toBe(false);
    expect(opens(10.1)).toBe(true);
    for (let i = 0; i < 3; i++) incidents.learn('true_alarm');
    expect(opens(8)).toBe(true);
  });
});
