import type { BuiltInProperties } from '@sluice/contracts';
import type { Faker } from '@faker-js/faker';

type Currency = BuiltInProperties['Purchase']['currency'];

export interface Device {
  kind: 'web' | 'ios' | 'android';
  userAgent: string;
  screen: { width: number; height: number };
}

export interface Acquisition {
  referrer: string;
  campaign: { source: string; medium: string; name: string; term?: string; content?: string } | undefined;
}

/** One imagined customer. What changes from session to session is in `state`. */
export interface Person {
  userId: string;
  anonymousId: string;
  traits: Record<string, string | number | boolean>;
  company: Company | undefined;
  device: Device;
  locale: string;
  timezone: string;
  currency: Currency;
  acquisition: Acquisition;
  /** How often this person comes, relative to the others: few come often, many seldom. */
  weight: number;
  state: {
    /** Logged in on this device: later sessions start identified. */
    loggedIn: boolean;
    /** How often this person logged in so far. */
    logins: number;
    /** The sessions so far. */
    sessions: number;
    /** End of the newest session, milliseconds since the epoch. */
    busyUntilMs: number;
  };
}

interface Market {
  locale: string;
  timezone: string;
  currency: Currency;
  share: number;
}

export const MARKETS: readonly Market[] = [
  { locale: 'en-US', timezone: 'America/New_York', currency: 'USD', share: 30 },
  { locale: 'en-US', timezone: 'America/Los_Angeles', currency: 'USD', share: 15 },
  { locale: 'en-GB', timezone: 'Europe/London', currency: 'GBP', share: 14 },
  { locale: 'de-DE', timezone: 'Europe/Berlin', currency: 'EUR', share: 14 },
  { locale: 'fr-FR', timezone: 'Europe/Paris', currency: 'EUR', share: 9 },
  { locale: 'ja-JP', timezone: 'Asia/Tokyo', currency: 'JPY', share: 8 },
  { locale: 'en-IN', timezone: 'Asia/Kolkata', currency: 'INR', share: 6 },
  { locale: 'pt-BR', timezone: 'America/Sao_Paulo', currency: 'BRL', share: 4 },
];

const ACQUISITIONS: readonly { share: number; acquisition: Acquisition }[] = [
  { share: 30, acquisition: { referrer: '', campaign: undefined } },
  { share: 25, acquisition: { referrer: 'https://www.google.com/', campaign: undefined } },
  {
    share: 14,
    acquisition: {
      referrer: 'https://www.google.com/',
      campaign: {
        source: 'google',
        medium: 'cpc',
        name: 'autumn_sale',
        term: 'home+goods',
        content: 'text_ad_a',
      },
    },
  },
  {
    share: 10,
    acquisition: {
      referrer: '',
      campaign: { source: 'newsletter', medium: 'email', name: 'weekly_digest', content: 'hero' },
    },
  },
  {
    share: 9,
    acquisition: {
      referrer: 'https://l.instagram.com/',
      campaign: { source: 'instagram', medium: 'social', name: 'creators', content: 'story' },
    },
  },
  { share: 7, acquisition: { referrer: 'https://www.reddit.com/', campaign: undefined } },
  {
    share: 5,
    acquisition: {
      referrer: 'https://partner.example/',
      campaign: { source: 'partner', medium: 'affiliate', name: 'partner_2026' },
    },
  },
];

export interface Company {
  groupId: string;
  name: string;
  industry: string;
}

/** People in the order of their user ids; the same for the same state of `faker`. */
export function createPeople(faker: Faker, count: number): Person[] {
  const companies = Array.from({ length: Math.max(1, Math.ceil(count / 20)) }, (_, index): Company => ({
    groupId: `company-${index + 1}`,
    name: faker.company.name(),
    industry: faker.commerce.department(),
  }));
  return Array.from({ length: count }, (_, index) => createPerson(faker, index, companies));
}

function createPerson(faker: Faker, index: number, companies: readonly Company[]): Person {
  const market = faker.helpers.weightedArrayElement(MARKETS.map((value) => ({ weight: value.share, value })));
  const firstName = faker.person.firstName();
  const lastName = faker.person.lastName();
  return {
    userId: `user-${String(index + 1).padStart(4, '0')}`,
    anonymousId: faker.string.uuid(),
    traits: {
      name: `${firstName} ${lastName}`,
      // A domain that nobody can own: mock traffic must never hold a real address.
      email: `${faker.helpers.slugify(`${firstName}.${lastName}`).toLowerCase()}.${index + 1}@example.com`,
      plan: faker.helpers.weightedArrayElement([
        { weight: 6, value: 'free' },
        { weight: 3, value: 'pro' },
        { weight: 1, value: 'team' },
      ]),
      newsletter: faker.datatype.boolean(),
    },
    company: faker.helpers.maybe(() => faker.helpers.arrayElement(companies), { probability: 0.2 }),
    device: createDevice(faker),
    locale: market.locale,
    timezone: market.timezone,
    currency: market.currency,
    acquisition: faker.helpers.weightedArrayElement(
      ACQUISITIONS.map(({ share, acquisition }) => ({ weight: share, value: acquisition })),
    ),
    weight: 1 / (1 + faker.number.float({ min: 0, max: 6 })),
    state: { loggedIn: false, logins: 0, sessions: 0, busyUntilMs: 0 },
  };
}

function createDevice(faker: Faker): Device {
  const chrome = faker.number.int({ min: 138, max: 146 });
  const firefox = faker.number.int({ min: 140, max: 147 });
  const ios = faker.helpers.arrayElement(['17.6', '18.3', '18.6']);
  const iosToken = ios.replace('.', '_');
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  return faker.helpers.weightedArrayElement<Device>([
    {
      weight: 30,
      value: {
        kind: 'web',
        userAgent: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/${chrome}.0.0.0 Safari/537.36`,
        screen: { width: 1920, height: 1080 },
      },
    },
    {
      weight: 14,
      value: {
        kind: 'web',
        userAgent: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${ios} Safari/605.1.15`,
        screen: { width: 1512, height: 982 },
      },
    },
    {
      weight: 8,
      value: {
        kind: 'web',
        userAgent: `Mozilla/5.0 (X11; Linux x86_64; rv:${firefox}.0) Gecko/20100101 Firefox/${firefox}.0`,
        screen: { width: 2560, height: 1440 },
      },
    },
    {
      weight: 22,
      value: {
        kind: 'web',
        userAgent: `Mozilla/5.0 (iPhone; CPU iPhone OS ${iosToken} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${ios} Mobile/15E148 Safari/604.1`,
        screen: { width: 393, height: 852 },
      },
    },
    {
      weight: 12,
      value: {
        kind: 'web',
        userAgent: `Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/${chrome}.0.0.0 Mobile Safari/537.36`,
        screen: { width: 412, height: 915 },
      },
    },
    {
      weight: 8,
      value: {
        kind: 'ios',
        userAgent: `Market/${faker.number.int({ min: 3, max: 5 })}.2 (iPhone; iOS ${ios})`,
        screen: { width: 393, height: 852 },
      },
    },
    {
      weight: 6,
      value: {
        kind: 'android',
        userAgent: `Market/${faker.number.int({ min: 3, max: 5 })}.2 (Linux; Android 15; Pixel 9)`,
        screen: { width: 412, height: 915 },
      },
    },
  ]);
}
