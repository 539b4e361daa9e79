import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTimestamp } from './timestamps.js';

describe('parseTimestamp', () => {
  it('reads what a date writes', () => {
    const dates = fc.date({
      min: new Date(0),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        const text = date.toISOString();
        expect(parseTimestamp(text)).toBe(date.getTime());
        expect(parseTimestamp(text.replace('Z', '+00:00'))).toBe(date.getTime());
        expect(parseTimestamp(text.replace('Z', '123456-00:30'))).toBe(date.getTime() + 30 * 60_000);
      }),
    );
  });

  it.each([
    ['2026-11-22T18:30:07Z', '2026-11-22T18:30:07.000Z'],
    ['2026-11-22T18:30:07.1Z', '2026-11-22T18:30:07.100Z'],
    ['2026-11-22T18:30:07.988123Z', '2026-11-22T18:30:07.988Z'],
    ['2026-11-22T18:30:07.988123456+02:00', '2026-11-22T16:30:07.988Z'],
    ['2026-11-22T18:30:07-0330', '2026-11-22T22:00:07.000Z'],
    ['2026-11-22 18:30:07', '2026-11-22T18:30:07.000Z'],
    ['2026-11-22T18:30', '2026-11-22T18:30:00.000Z'],
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2024-02-29T00:00:00.000Z', '2024-02-29T00:00:00.000Z'],
  ])('reads %s', (text, instant) => {
    expect(parseTimestamp(text)).toBe(Date.parse(instant));
  });

  it.each([
    '',
    'now',
    '2026',
    '2026-13-01',
    '2026-00-10',
    '2026-11-31',
    '2025-02-29T00:00:00.000Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T18:60:00Z',
    '2026-11-22T18:30:61Z',
    '2026-11-22T18:30:07.Z',
    '2026-11-22T18:30:07.1234567890Z',
    '2026-11-22T18:30:07+25:00',
    '+2026-11-22T18:30:07Z',
    '2026-11-22T18:30:07.9x8Z',
    '２０２６-11-22T18:30:07Z',
    '2026-11-22T18:30:07Z\n',
  ])('refuses %j', (text) => {
    expect(parseTimestamp(text)).toBeNaN();
  });
});
