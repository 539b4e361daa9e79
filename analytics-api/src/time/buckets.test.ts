import { INTERVALS, SluiceError } from '@sluice/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutIntoBuckets } from './buckets.js';
import { resolveRange, zoneOf } from './range.js';

const ZONES = [
  'UTC',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'America/Havana',
  'America/Asuncion',
  'Africa/Casablanca',
  'Pacific/Apia',
  'America/St_Johns',
  'Europe/Berlin',
];

function cut(
  zoneName: string,
  from: string,
  to: string,
  interval: (typeof INTERVALS)[number] = 'hour',
  weekStart: 'monday' | 'sunday' = 'monday',
) {
  const zone = zoneOf(zoneName);
  return cutIntoBuckets(resolveRange({ from, to }, zone, 0), { interval, weekStart, zone });
}

const iso = (epochMs: number): string => new Date(epochMs).toISOString();

describe('cutting a range into buckets', () => {
  it('gives an hour that clocks show twice two buckets of one label', () => {
    const buckets = cut('America/New_York', '2024-11-03', '2024-11-03');
    expect(buckets).toHaveLength(25);
    expect(buckets.slice(0, 4).map(({ label, startMs }) => [label, iso(startMs)])).toEqual([
      ['2024-11-03T00:00', '2024-11-03T04:00:00.000Z'],
      ['2024-11-03T01:00', '2024-11-03T05:00:00.000Z'],
      ['2024-11-03T01:00', '2024-11-03T06:00:00.000Z'],
      ['2024-11-03T02:00', '2024-11-03T07:00:00.000Z'],
    ]);
  });

  it('gives an hour that clocks skip none', () => {
    const labels = cut('America/New_York', '2024-03-10', '2024-03-10').map(({ label }) => label.slice(11));
    expect(labels).toHaveLength(23);
    expect(labels).not.toContain('02:00');
  });

  it('cuts an hour in two where clocks go back by half of one', () => {
    const buckets = cut('Australia/Lord_Howe', '2024-04-07', '2024-04-07');
    expect(
      buckets.slice(0, 4).map(({ label, startMs, endMs }) => [label, (endMs - startMs) / 60_000]),
    ).toEqual([
      ['2024-04-07T00:00', 60],
      ['2024-04-07T01:00', 60],
      ['2024-04-07T01:30', 30],
      ['2024-04-07T02:00', 60],
    ]);
  });

  it('starts a day at the first instant of its date, also when midnight comes twice', () => {
    const [day] = cut('America/Havana', '2023-11-05', '2023-11-05', 'day');
    expect([iso(day!.startMs), iso(day!.endMs)]).toEqual([
      '2023-11-05T04:00:00.000Z',
      '2023-11-06T05:00:00.000Z',
    ]);
  });

  it('starts a day at the change when midnight is skipped', () => {
    const [day] = cut('America/Havana', '2024-03-10', '2024-03-10', 'day');
    expect(iso(day!.startMs)).toBe('2024-03-10T05:00:00.000Z');
  });

  it('has no bucket for a date that the zone skipped', () => {
    const labels = cut('Pacific/Apia', '2011-12-28', '2012-01-01', 'day').map(({ label }) => label);
    expect(labels).toEqual(['2011-12-28', '2011-12-29', '2011-12-31', '2012-01-01']);
  });

  it('starts days between quarters where the zone does', () => {
    const [day] = cut('Asia/Kathmandu', '2024-05-01', '2024-05-01', 'day');
    expect(iso(day!.startMs)).toBe('2024-04-30T18:15:00.000Z');
  });

  it('follows the calendar for weeks and months', () => {
    expect(cut('Europe/Berlin', '2024-02-26', '2024-03-31', 'week').map(({ label }) => label)).toEqual([
      '2024-02-26',
      '2024-03-04',
      '2024-03-11',
      '2024-03-18',
      '2024-03-25',
    ]);
    const months = cut('Europe/Berlin', '2024-01-15', '2024-03-31', 'month');
    expect(months.map(({ label, partial }) => [label, partial])).toEqual([
      ['2024-01', true],
      ['2024-02', false],
      ['2024-03', false],
    ]);
  });

  it('refuses more buckets than an answer can hold', () => {
    expect(() => cut('UTC', '2020-01-01', '2024-01-01', '15m')).toThrow(SluiceError);
  });

  it('covers any range in any zone without gap or overlap, each bucket as long as its label says', () => {
    const instants = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2035, 0, 1) });
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.constantFrom(...INTERVALS),
        instants,
        fc.integer({ min: 1, max: 20 * 86_400_000 }),
        (zoneName, interval, fromMs, lengthMs) => {
          const zone = zoneOf(zoneName);
          // Minutes are cut for some days at most.
          const toMs = fromMs + (interval === 'minute' ? Math.ceil(lengthMs / 10) : lengthMs);
          const range = { fromMs, toMs };
          const buckets = cutIntoBuckets(range, { interval, weekStart: 'monday', zone });
          expect(buckets[0]!.startMs).toBe(range.fromMs);
          expect(buckets.at(-1)!.endMs).toBe(range.toMs);
          for (const [index, bucket] of buckets.entries()) {
            expect(bucket.endMs).toBeGreaterThan(bucket.startMs);
            if (index > 0) {
              expect(bucket.startMs).toBe(buckets[index - 1]!.endMs);
              const local = iso(bucket.startMs + zone.offsetAt(bucket.startMs));
              // A skipped midnight starts its day later.
              if (interval === '15m' || interval === 'hour') expect(local.slice(0, 16)).toBe(bucket.label);
              else expect(local.startsWith(bucket.label)).toBe(true);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the bounds of a range', () => {
  const resolve = (from: string | undefined, to: string | undefined, zone = 'America/New_York') => {
    const range = resolveRange({ from, to }, zoneOf(zone), Date.parse('2024-06-15T03:00:00Z'));
    return [iso(range.fromMs), iso(range.toMs)];
  };

  it('include dates whole and leave the end of times out', () => {
    expect(resolve('2024-06-01', '2024-06-02')).toEqual([
      '2024-06-01T04:00:00.000Z',
      '2024-06-03T04:00:00.000Z',
    ]);
    expect(resolve('2024-06-01T10:00', '2024-06-01T11:30:15')).toEqual([
      '2024-06-01T14:00:00.000Z',
      '2024-06-01T15:30:15.000Z',
    ]);
    expect(resolve('2024-06-01T10:00Z', '2024-06-01T12:00+01:30')[1]).toBe('2024-06-01T10:30:00.000Z');
  });

  it('default to the last seven local days', () => {
    expect(resolve(undefined, undefined)).toEqual(['2024-06-08T04:00:00.000Z', '2024-06-15T04:00:00.000Z']);
  });

  it('mean the first instant of a time that clocks show twice, so that ranges that meet do not overlap', () => {
    expect(resolve('2024-11-03T01:30', '2024-11-03T02:00')[0]).toBe('2024-11-03T05:30:00.000Z');
    expect(resolve('2024-11-03T00:00', '2024-11-03T01:30')[1]).toBe('2024-11-03T05:30:00.000Z');
  });

  it('mean the instant of the change for a time that clocks skip', () => {
    expect(resolve('2024-03-10T02:30', '2024-03-11')[0]).toBe('2024-03-10T07:00:00.000Z');
  });

  it.each([
    ['2024-06-02', '2024-06-01'],
    ['2024-02-30', '2024-03-02'],
    ['2024-13-01', '2024-03-02'],
    ['2024-06-01T25:00', '2024-06-05'],
    ['1960-01-01', '2024-06-05'],
    ['2024-01-01', '2150-06-05'],
  ])('are refused when they are %s and %s', (from, to) => {
    expect(() => resolve(from, to)).toThrow(expect.objectContaining({ code: 'invalid_date_range' }) as Error);
  });

  it.each(['Mars/Olympus', '+02:00', '', "'; drop table", 'UTC\0'])('refuse %j as a zone', (name) => {
    expect(() => zoneOf(name)).toThrow(expect.objectContaining({ code: 'invalid_timezone' }) as Error);
  });
});
