import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCircumstancesReader, type Surroundings } from './circumstances.js';

const text = fc.constantFrom('', 'a', 'b', 'https://a.example/?utm_source=x', 'https://b.example/p?gclid=1');
const surroundings: fc.Arbitrary<Surroundings> = fc.record({
  userAgent: text,
  ip: fc.constantFrom(undefined, '203.0.113.7', '2001:db8::1'),
  ipPolicy: fc.constantFrom('truncate', 'keep', 'discard'),
  url: text,
  search: fc.constantFrom('', '?utm_source=y', 'x'.repeat(3_000)),
  referrer: text,
  campaign: fc.constantFrom(undefined, { name: 'autumn' }, { source: 'news' }),
});
const tools = {
  readUserAgent: (browser: string) => ({ browser }),
  locate: (ip: string) => ({ country: ip }),
};

describe('createCircumstancesReader', () => {
  it('gives what reading afresh gives, whatever it remembers', () => {
    fc.assert(
      fc.property(fc.array(surroundings, { maxLength: 60 }), (sequence) => {
        const remembering = createCircumstancesReader(tools, 8);
        for (const each of sequence) {
          expect(remembering(each)).toEqual(createCircumstancesReader(tools)(each));
        }
      }),
    );
  });

  it('reads the same surroundings once, but for endless ones', () => {
    let read = 0;
    const reader = createCircumstancesReader({ ...tools, locate: () => ({ city: String(++read) }) });
    const page = {
      userAgent: 'u',
      ip: '203.0.113.7',
      ipPolicy: 'keep',
      url: 'p',
      search: '',
      referrer: '',
    } as const;
    for (let i = 0; i < 3; i++) reader({ ...page, campaign: undefined });
    expect(read).toBe(1);
    for (let i = 0; i < 3; i++) reader({ ...page, url: 'p'.repeat(5_000), campaign: undefined });
    expect(read).toBe(4);
  });
});
