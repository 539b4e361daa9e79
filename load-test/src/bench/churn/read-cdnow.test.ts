import { describe, expect, test } from 'vitest';
import { dayOf, readCdnow } from './read-cdnow.js';

const DAY = dayOf('19970101')!;

describe('readCdnow', () => {
  test('the columns of the sample and of the master give the same people', () => {
    const sample = ' 00004 0001 19970101  2   29.33\r\n 00004 0001 19970118  2   29.73\r\n';
    const master = ' 00004 19970101  2   29.33\n 00004 19970118  2   29.73\n';

    expect(readCdnow(sample)).toEqual(readCdnow(master));
    expect(readCdnow(sample)).toMatchObject([
      { days: [DAY, DAY + 17], events: [2, 2], values: [29.33, 29.73] },
    ]);
  });

  test('purchases of one day are one, and days are in order', () => {
    const [person] = readCdnow('1 19970105 1 10.5\n1 19970101 2 4.00\n1 19970105 3 1.5\n');

    expect(person).toMatchObject({ days: [DAY, DAY + 4], events: [2, 4], values: [4, 12] });
  });

  test('commas, dashes in dates and a line of names are read', () => {
    const [person] = readCdnow('id,date,cds,spent\n00001,1997-01-01,1,11.77\n');

    expect(person).toMatchObject({ days: [DAY], events: [1], values: [11.77] });
  });

  test.each(['1 19970231 1 2.00', '1 19970101 1', '1 19970101 x 2.00', 'id date cds spent'])(
    'a line that is no purchase is refused with its number: %s',
    (line) => {
      expect(() => readCdnow(`1 19970101 1 2.00\n${line}\n`)).toThrow('Line 2');
    },
  );
});
