import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLocalDays } from '../enrich/local-day.js';
import { createLocalDayTable, lastWholeDay } from './local-days.js';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const day = (date: string): number => Date.parse(date) / DAY_MS;

describe('createLocalDayTable', () => {
  it('says of every quarter of an hour the local day it is in, across changes of the clocks', () => {
    const zone = fc.constantFrom(
      'Europe/London',
      'Europe/Berlin',
      'America/Los_Angeles',
      'America/Santiago',
      'Asia/Kathmandu',
      'Pacific/Apia',
      'Australia/Lord_Howe',
    );
    fc.assert(
      fc.property(zone, fc.integer({ min: 14_900, max: 20_700 }), (timezone, first) => {
        const table = createLocalDayTable(timezone, first, first + 20);
        const dayOf = createLocalDays(timezone);
        for (let index = 0; index <= 20; index += 1) {
          for (let quarter = 0; quarter < 96; quarter += 1) {
            const local = quarter < table.change[index]! ? table.before[index] : table.after[index];
            expect(local).toBe(dayOf((first + index) * DAY_MS + quarter * QUARTER_MS));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('knows where local days are those of UTC', () => {
    expect(createLocalDayTable('UTC', 20_000, 20_010).isUtc).toBe(true);
    expect(createLocalDayTable('Europe/London', day('2026-01-01'), day('2026-01-31')).isUtc).toBe(true);
    expect(createLocalDayTable('Europe/London', day('2026-03-01'), day('2026-03-31')).isUtc).toBe(false);
  });
});

describe('lastWholeDay', () => {
  it('is the day before the one that an instant lies in', () => {
    expect(lastWholeDay('Europe/Berlin', Date.parse('2026-03-29T22:00:00Z'))).toBe(day('2026-03-29'));
    expect(lastWholeDay('Europe/Berlin', Date.parse('2026-03-29T21:59:59Z'))).toBe(day('2026-03-28'));
  });
});
