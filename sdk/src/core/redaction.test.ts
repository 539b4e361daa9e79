import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactUrl } from './redaction.js';

describe('redactUrl', () => {
  it.each([
    ['https://user:pw@shop.test/a', 'https://shop.test/a'],
    ['https://shop.test/?reset_token=abc&page=2', 'https://shop.test/?reset_token=[redacted]&page=2'],
    ['https://shop.test/?a=1&API-KEY=abc#x', 'https://shop.test/?a=1&API-KEY=[redacted]#x'],
    ['https://shop.test/?code=oauth&state=1', 'https://shop.test/?code=[redacted]&state=1'],
    [
      'https://shop.test/#access_token=abc&expires_in=5',
      'https://shop.test/#access_token=[redacted]&expires_in=5',
    ],
    ['https://shop.test/u/grace@navy.mil/orders', 'https://shop.test/u/[redacted]/orders'],
    ['https://shop.test/?to=grace%40navy.mil&x=1', 'https://shop.test/?to=[redacted]&x=1'],
    ['https://shop.test/?email=grace&x=1', 'https://shop.test/?email=[redacted]&x=1'],
    ['/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_', '/t/[redacted]'],
    [
      'https://shop.test/?sessionId=1;password=2',
      'https://shop.test/?sessionId=[redacted];password=[redacted]',
    ],
  ])('%s becomes %s', (url, redacted) => expect(redactUrl(url)).toBe(redacted));

  it.each([
    'https://shop.test/search?q=red+shoes&utm_campaign=spring&utm_term=keyword',
    'https://shop.test/?promo_code=SPRING&keyword=shoes&gclid=abc',
    'https://shop.test/@handle/posts',
    '',
  ])('leaves %s as it is', (url) => expect(redactUrl(url)).toBe(url));

  it('changes nothing that is redacted already', () => {
    const part = fc.constantFrom(
      'https://',
      'a',
      '@',
      'b.com',
      '/',
      '?',
      '&',
      'token',
      '=',
      'code',
      '#',
      'eyJ',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 15 }), (parts) => {
        const once = redactUrl(parts.join(''));
        expect(redactUrl(once)).toBe(once);
      }),
    );
  });
});
