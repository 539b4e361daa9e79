import { describe, expect, it } from 'vitest';
import { readPeopleCursor, writePeopleCursor } from './people-page.js';

describe('the cursor of a page of people', () => {
  it('is read back as it was written', () => {
    expect(readPeopleCursor(writePeopleCursor('18446744073709551615'))).toBe('18446744073709551615');
  });

  it.each(['18446744073709551616', '99999999999999999999', '-1', '1e3', '', '1; drop'])(
    'is refused when it says %j',
    (text) => {
      expect(() => readPeopleCursor(writePeopleCursor(text))).toThrow(
        expect.objectContaining({ code: 'invalid_query', field: '/cursor' }) as Error,
      );
    },
  );
});
