import { encodeRecordMeta } from '@sluice/contracts';
import type { ProjectSettings } from '@sluice/service-kit';
import { describe, expect, it } from 'vitest';
import { decodeRecord } from '../decode/decode-record.js';
import { checkPlan } from '../tracking-plan.js';
import { campaignOf, readAcquisition, visitOf } from './acquisition.js';
import { createCircumstancesReader } from './circumstances.js';
import { enrich, type EnrichedMessage } from './enrich.js';
import { applyIpPolicy } from './ip-policy.js';
import { createLocalDays } from './local-day.js';
import { readRevenue } from './revenue.js';
import { createUserAgentReader, readUserAgent } from './user-agent.js';

const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
const GOOGLEBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

const project: ProjectSettings = {
  projectId: 1,
  name: 'p',
  timezone: 'UTC',
  ipPolicy: 'truncate',
  planMode: 'off',
  trackingPlan: {},
};

function enriched(message: object, of: Partial<ProjectSettings> = {}, userAgent = CHROME): EnrichedMessage {
  const { messages } = decodeRecord({
    offset: 0,
    key: '',
    headers: encodeRecordMeta({
      kind: 'messages',
      shape: 'single',
      projectId: 1,
      receivedAtMs: Date.UTC(2026, 0, 1),
      count: 1,
      ip: '203.0.113.77',
      userAgent,
    }),
    value: Buffer.from(
      JSON.stringify({ type: 'track', event: 'e', userId: 'u', messageId: 'm', ...message }),
    ),
    appendedAtMs: 0,
  });
  const tools = {
    readCircumstances: createCircumstancesReader({
      readUserAgent,
      locate: (ip: string) => (ip === '203.0.113.77' ? { country: 'NL' } : {}),
    }),
    checkPlan,
  };
  return enrich(messages[0]!, { ...project, ...of }, tools);
}

describe('enrich', () => {
  it('uses the whole address for geography and keeps what the project allows', () => {
    expect(enriched({}).enrichment).toMatchObject({ country: 'NL', ip: '203.0.113.0' });
    expect(enriched({}, { ipPolicy: 'keep' }).enrichment.ip).toBe('203.0.113.77');
    expect(enriched({}, { ipPolicy: 'discard' }).enrichment).not.toHaveProperty('ip');
  });

  it('applies the policy to the address in the message, too', () => {
    const message = { context: { ip: '198.51.100.7', locale: 'de' } };
    expect(enriched(message).message.context).toEqual({ ip: '198.51.100.0', locale: 'de' });
    expect(enriched(message, { ipPolicy: 'discard' }).message.context).toEqual({ locale: 'de' });
    expect(enriched(message).enrichment.ip).toBe('198.51.100.0');
  });

  it("takes neither address nor agent of a server's own request for the user's", () => {
    const context = { library: { name: '@segment/analytics-node' } };
    const { enrichment } = enriched({ context }, {}, 'node-fetch/1.0');
    expect(enrichment).toEqual({ clamped: 'missing' });
    const named = enriched({ context: { ...context, ip: '203.0.113.77', userAgent: CHROME } });
    expect(named.enrichment).toMatchObject({ country: 'NL', browser: 'Chrome' });
  });

  it('marks bots and keeps them', () => {
    expect(enriched({}, {}, GOOGLEBOT).enrichment.bot).toBe(true);
    expect(enriched({}).enrichment).not.toHaveProperty('bot');
  });

  it('names sessions of clients by UUIDs: their own, or one made of their text', () => {
    const id = '0B6D1A3E-8C55-4B1C-9C1D-2F6C8F5B7A10';
    expect(enriched({ context: { sessionId: id } }).namedSessionId).toBe(id.toLowerCase());
    const made = enriched({ context: { sessionId: 1763900000 } }).namedSessionId;
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
    expect(enriched({ context: { sessionId: '1763900000' } }).namedSessionId).toBe(made);
    expect(enriched({ userId: 'v', context: { sessionId: '1763900000' } }).namedSessionId).not.toBe(made);
  });

  it('notes departures from the tracking plan when the project wants to be warned', () => {
    const message = { event: 'Purchase', properties: { amount: 'much' } };
    expect(enriched(message).enrichment).not.toHaveProperty('violations');
    const { violations } = enriched(message, { planMode: 'warn' }).enrichment;
    expect(violations!.map(({ field }) => field)).toContain('/properties/amount');
  });

  it('remembers the user agents it has parsed', () => {
    const read = createUserAgentReader(2);
    const first = read(CHROME);
    expect(first).toEqual({
      browser: 'Chrome',
      browserVersion: '131.0.0.0',
      os: 'Windows',
      osVersion: '10',
      device: 'desktop',
    });
    expect(read(CHROME)).toBe(first);
    read('a');
    read('b');
    expect(read(CHROME)).not.toBe(first);
  });
});

describe('applyIpPolicy', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0'],
    ['2001:db8:85a3:8d3:1319:8a2e:370:7348', '2001:db8:85a3::'],
    ['2001:db8::1', '2001:db8::'],
    ['::1', '::'],
    ['fe80::1%eth0', 'fe80::'],
    ['::ffff:203.0.113.77', '::ffff:203.0.113.0'],
    ['not an address', undefined],
  ])('keeps of %s the network %s', (ip, kept) => {
    expect(applyIpPolicy(ip, 'truncate')).toBe(kept);
  });
});

describe('readAcquisition', () => {
  const page = (url: string, referrer = ''): object => readAcquisition(visitOf({ page: { url, referrer } }));

  it.each([
    ['https://shop.example/?utm_source=google&utm_medium=cpc', '', 'paid search'],
    ['https://shop.example/?gclid=x', 'https://www.google.com/', 'paid search'],
    ['https://shop.example/?fbclid=x', 'https://l.facebook.com/', 'organic social'],
    ['https://shop.example/?utm_source=facebook&utm_medium=paid_social', '', 'paid social'],
    ['https://shop.example/?utm_medium=email', '', 'email'],
    ['https://shop.example/', 'https://duckduckgo.com/', 'organic search'],
    ['https://shop.example/', 'https://www.shop.example/a', 'internal'],
    ['https://shop.example/', 'https://news.ycombinator.com/item', 'organic social'],
    ['https://shop.example/', 'https://chatgpt.com/', 'ai assistant'],
    ['https://shop.example/', 'https://blog.example/', 'referral'],
    ['https://shop.example/', '', 'direct'],
    ['https://shop.example/?utm_source=flyer', '', 'campaign'],
  ])('calls a visit to %s from «%s» %s', (url, referrer, channel) => {
    expect(page(url, referrer)).toMatchObject({ channel });
  });

  it('says nothing of a message that names no page', () => {
    expect(readAcquisition(visitOf({}))).toEqual({});
    expect(campaignOf({})).toBeUndefined();
  });

  it('believes the campaign of the context before the address', () => {
    const found = readAcquisition(
      visitOf({
        page: { url: 'https://a.example/?utm_source=x&utm_campaign=y#utm_source=z' },
        campaign: { name: 'autumn', source: 'news' },
      }),
    );
    expect(found).toMatchObject({ utmSource: 'news', utmCampaign: 'autumn' });
    expect(campaignOf(found)).toBe('news||autumn');
  });
});

describe('readRevenue', () => {
  it.each([
    ['Purchase', { amount: 10.5, currency: 'eur' }, { revenue: '10.5', currency: 'EUR' }],
    ['Order Completed', { revenue: '25.00', total: 30 }, { revenue: '25', currency: 'USD' }],
    ['Order Completed', { total: 30, currency: 'GBP' }, { revenue: '30', currency: 'GBP' }],
    ['Purchase', { amount: 0.1 + 0.2, currency: 'EUR' }, { revenue: '0.3', currency: 'EUR' }],
    ['Purchase', { amount: -5, currency: 'EUR' }, { revenue: '-5', currency: 'EUR' }],
    ['Purchase', { amount: 100, currency: 'EUR' }, { revenue: '100', currency: 'EUR' }],
    ['Purchase', { amount: 1e300 }, undefined],
    ['Purchase', { amount: 'much' }, undefined],
    ['Click', { amount: 1 }, undefined],
    ['constructor', { amount: 1 }, undefined],
    ['__proto__', { amount: 1 }, undefined],
  ])('of %s %o is %o', (event, properties, expected) => {
    expect(readRevenue(event, { properties })).toEqual(expected);
  });
});

describe('createLocalDays', () => {
  it('changes at midnight of the zone on days of 23, 24 and 25 hours', () => {
    const dayOf = createLocalDays('America/New_York');
    const hours = (from: number): number => {
      let count = 0;
      for (let at = from; dayOf(at) === dayOf(from); at += 3_600_000) count++;
      return count;
    };
    expect(hours(Date.UTC(2024, 2, 10, 5))).toBe(23);
    expect(hours(Date.UTC(2024, 10, 3, 4))).toBe(25);
    expect(hours(Date.UTC(2024, 5, 1, 4))).toBe(24);
    expect(dayOf(Date.UTC(2024, 2, 10, 5) - 1)).toBe(dayOf(Date.UTC(2024, 2, 10, 5)) - 1);
  });

  it('reads an unknown zone as UTC', () => {
    expect(createLocalDays('Mars/Base')(86_400_000 * 3 + 5)).toBe(3);
  });
});
