import type { Faker } from '@faker-js/faker';
import type { Catalogue, Film, Product } from './catalogue.js';
import type { TrafficMessage } from './message.js';
import { createUuidV7 } from './message-ids.js';
import type { Acquisition, Person } from './people.js';
import { clickOf, loginOf, purchaseOf, searchOf, videoOf, type PlannedEvent } from './typed-events.js';

/** How likely a visitor goes on to each step of the way; everyone else leaves there. */
export const CONTINUE = {
  /** Past the first page. */
  landing: 0.82,
  /** Logs in, when not logged in yet. */
  login: 0.7,
  search: 0.86,
  click: 0.74,
  video: 0.5,
  purchase: 0.36,
} as const;

const SITE = 'https://market.example';

interface Visit {
  faker: Faker;
  person: Person;
  catalogue: Catalogue;
  nowMs: number;
  messages: TrafficMessage[];
  /** How the person came here this time. */
  acquisition: Acquisition;
  /** The page before this one. */
  referrer: string;
  page: { path: string; title: string; search: string };
  isFirstPage: boolean;
}

/**
 * One visit of a person: login → search → click → video → purchase, with page views between, thinking time, detours and
 * drop-off at each step. Anonymous until the login, identified after it. Updates the person's state.
 */
export function playSession(
  faker: Faker,
  person: Person,
  catalogue: Catalogue,
  startMs: number,
): TrafficMessage[] {
  const isNew = person.state.sessions === 0;
  // Those who know the shop mostly come by themselves.
  const acquisition =
    isNew || faker.datatype.boolean({ probability: 0.35 })
      ? person.acquisition
      : { referrer: '', campaign: undefined };
  const visit: Visit = {
    faker,
    person,
    catalogue,
    nowMs: startMs,
    messages: [],
    acquisition,
    referrer: acquisition.referrer,
    page: { path: '/', title: 'Market', search: '' },
    isFirstPage: true,
  };
  person.state.sessions++;
  // Logins expire, and some people log out: they start anonymous again.
  if (person.state.loggedIn && faker.datatype.boolean({ probability: 0.3 })) person.state.loggedIn = false;

  walk(visit);
  person.state.busyUntilMs = visit.nowMs;
  return visit.messages;
}

function walk(visit: Visit): void {
  const { faker, catalogue } = visit;
  const goesOn = (step: keyof typeof CONTINUE): boolean =>
    faker.datatype.boolean({ probability: CONTINUE[step] });

  const product = faker.helpers.arrayElement(catalogue.products);
  const startsAtProduct = visit.person.device.kind === 'web' && faker.datatype.boolean({ probability: 0.3 });
  if (startsAtProduct) view(visit, productPath(product), product.name, 'product');
  else view(visit, '/', 'Market', 'home');
  if (!goesOn('landing')) return;
  if (!visit.person.state.loggedIn && !logIn(visit, goesOn('login'))) return;

  for (let round = 0; round < 3; round++) {
    if (!goesOn('search')) return;
    const found = search(visit);
    if (!goesOn('click')) {
      // Nothing of interest: half try other words, half leave.
      if (faker.datatype.boolean()) continue;
      return;
    }
    const chosen = faker.helpers.arrayElement(found);
    click(visit, chosen);
    if (!goesOn('video')) continue;
    watch(visit, faker.helpers.arrayElement(catalogue.films));
    if (!goesOn('purchase')) continue;
    purchase(visit, [
      chosen,
      ...faker.helpers.arrayElements(found, { min: 0, max: Math.min(2, found.length) }),
    ]);
    return;
  }
}

/** True when the visit goes on. */
function logIn(visit: Visit, succeeds: boolean): boolean {
  const { faker, person } = visit;
  think(visit, 4, 25);
  view(visit, '/login', 'Log in', 'account');
  if (!succeeds) return false;
  think(visit, 5, 30);
  person.state.loggedIn = true;
  send(visit, { type: 'identify', traits: { ...person.traits, locale: person.locale } });
  if (person.state.logins === 0 && person.company !== undefined) {
    const { groupId, ...traits } = person.company;
    send(visit, { type: 'group', groupId, traits });
  }
  person.state.logins++;
  track(visit, loginOf(faker));
  return true;
}

function search(visit: Visit): Product[] {
  const { faker, catalogue } = visit;
  think(visit, 3, 40);
  const query = faker.helpers.arrayElement(catalogue.searchTerms);
  const found = catalogue.products.filter((product) => product.name.toLowerCase().endsWith(query));
  track(visit, searchOf(query, found.length));
  view(visit, '/search', `Results for ${query}`, 'search', `?q=${encodeURIComponent(query)}`);
  return found;
}

function click(visit: Visit, product: Product): void {
  think(visit, 2, 20);
  track(visit, clickOf(visit.faker, product, `${SITE}${productPath(product)}`));
  view(visit, productPath(product), product.name, 'product');
}

function watch(visit: Visit, film: Film): void {
  think(visit, 3, 15);
  const watched = Math.round(film.durationSeconds * visit.faker.number.float({ min: 0.3, max: 1 }));
  track(visit, videoOf(film, 'play', 0));
  visit.nowMs += watched * 1_000;
  track(visit, videoOf(film, watched >= film.durationSeconds * 0.95 ? 'complete' : 'pause', watched));
}

function purchase(visit: Visit, products: readonly Product[]): void {
  think(visit, 10, 90);
  view(visit, '/checkout', 'Checkout', 'checkout');
  think(visit, 20, 120);
  track(visit, purchaseOf(visit.faker, [...new Set(products)], visit.person.currency));
  view(visit, '/thank-you', 'Thank you', 'checkout');
}

function productPath(product: Product): string {
  return `/products/${product.slug}`;
}

/** Thinking time: most pauses are short, some are long. */
function think(visit: Visit, shortestSeconds: number, longestSeconds: number): void {
  const share = visit.faker.number.float({ min: 0, max: 1 }) ** 2;
  visit.nowMs += Math.round((shortestSeconds + (longestSeconds - shortestSeconds) * share) * 1_000);
}

function view(visit: Visit, path: string, title: string, category: string, search = ''): void {
  const { person } = visit;
  visit.nowMs += visit.faker.number.int({ min: 80, max: 900 });
  if (person.device.kind !== 'web') {
    send(visit, { type: 'screen', name: title, category, properties: { name: title, category } });
    return;
  }
  if (!visit.isFirstPage) visit.referrer = `${SITE}${visit.page.path}${visit.page.search}`;
  const landing = visit.isFirstPage ? campaignSearch(visit.acquisition) : '';
  visit.page = { path, title, search: search === '' ? landing : search };
  send(visit, {
    type: 'page',
    name: title,
    category,
    properties: { ...pageOf(visit), name: title, category },
  });
  visit.isFirstPage = false;
}

function track(visit: Visit, planned: PlannedEvent): void {
  send(visit, { type: 'track', event: planned.event, properties: planned.properties });
}

function send(
  visit: Visit,
  message: Pick<TrafficMessage, 'type'> &
    Partial<Pick<TrafficMessage, 'event' | 'name' | 'category' | 'groupId' | 'properties' | 'traits'>>,
): void {
  const { faker, person } = visit;
  visit.nowMs += faker.number.int({ min: 1, max: 60 });
  const timestampMs = visit.nowMs;
  const uuid = createUuidV7(faker, timestampMs);
  visit.messages.push({
    ...message,
    messageId: person.device.kind === 'web' ? `ajs-next-${timestampMs}-${uuid}` : uuid,
    timestamp: new Date(timestampMs).toISOString(),
    anonymousId: person.anonymousId,
    ...(person.state.loggedIn ? { userId: person.userId } : {}),
    context: contextOf(visit),
  });
}

function contextOf(visit: Visit): Record<string, unknown> {
  const { person } = visit;
  const { device } = person;
  const common = { locale: person.locale, timezone: person.timezone, userAgent: device.userAgent };
  if (device.kind === 'web') {
    return {
      ...common,
      page: pageOf(visit),
      campaign: visit.page.search.includes('utm_') ? visit.acquisition.campaign : {},
      screen: device.screen,
      library: { name: 'analytics.js', version: 'npm:next-1.84.3' },
    };
  }
  return {
    ...common,
    app: { name: 'Market', version: '4.2.0' },
    device: { type: device.kind, manufacturer: device.kind === 'ios' ? 'Apple' : 'Google' },
    os: device.kind === 'ios' ? { name: 'iOS', version: '18.6' } : { name: 'Android', version: '15' },
    screen: device.screen,
    library: { name: device.kind === 'ios' ? 'analytics-swift' : 'analytics-kotlin', version: '1.20.0' },
  };
}

function pageOf(visit: Visit): Record<string, string> {
  const { path, title, search } = visit.page;
  return { path, title, search, url: `${SITE}${path}${search}`, referrer: visit.referrer };
}

/** The query string an advertisement sends its visitors to the first page with. */
function campaignSearch({ campaign }: Acquisition): string {
  if (campaign === undefined) return '';
  const parameters = new URLSearchParams({
    utm_source: campaign.source,
    utm_medium: campaign.medium,
    utm_campaign: campaign.name,
  });
  if (campaign.term !== undefined) parameters.set('utm_term', campaign.term);
  if (campaign.content !== undefined) parameters.set('utm_content', campaign.content);
  return `?${parameters.toString()}`;
}
