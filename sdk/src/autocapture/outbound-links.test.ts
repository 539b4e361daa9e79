import { describe, expect, it } from 'vitest';
import { leadsOut } from './outbound-links.js';

describe('leadsOut', () => {
  const from = (href: string, ownDomains: string[] = []): boolean =>
    leadsOut(new URL(href), 'shop.example.com', ownDomains);

  it('is true for another host, and for another port of the same', () => {
    expect(from('https://elsewhere.org/a')).toBe(true);
    expect(from('http://shop.example.com:8080/')).toBe(true);
  });

  it('is false within the host, whatever the protocol of the web', () => {
    expect(from('https://shop.example.com/cart')).toBe(false);
    expect(from('http://shop.example.com/cart')).toBe(false);
  });

  it('takes own domains with their subdomains for home, but not names that merely end alike', () => {
    expect(from('https://example.com/', ['example.com'])).toBe(false);
    expect(from('https://help.example.com:444/', ['example.com'])).toBe(false);
    expect(from('https://badexample.com/', ['example.com'])).toBe(true);
  });

  it('is false for what does not lead to the web', () => {
    for (const href of ['mailto:a@elsewhere.org', 'tel:+431234', 'javascript:void 0', 'blob:https://x.org/1'])
      expect(from(href)).toBe(false);
  });
});
