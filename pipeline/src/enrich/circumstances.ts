import { campaignOf, readAcquisition, type Acquisition, type Visit } from './acquisition.js';
import type { Locate, Place } from './geography.js';
import { applyIpPolicy, type IpPolicy } from './ip-policy.js';
import type { ReadUserAgent, UserAgentFacts } from './user-agent.js';

/** What a message's facts follow from, its own content aside. */
export interface Surroundings extends Visit {
  userAgent: string;
  ip: string | undefined;
  ipPolicy: IpPolicy;
}

/** What the user agent, the address and the page tell: the same for all that a device sends from one page. */
export interface CircumstanceFacts extends UserAgentFacts, Place, Acquisition {
  /** What the project keeps of the client's address. */
  ip?: string;
}

export interface Circumstances {
  facts: Readonly<CircumstanceFacts>;
  /** The facts as JSON, in UTF-8: it goes into every row as it is. */
  json: Uint8Array;
  /** Name of the campaign that the visit came by; undefined when it came by none. */
  campaign: string | undefined;
}

export type ReadCircumstances = (surroundings: Surroundings) => Circumstances;

/** Longer ones are not remembered: a few clients with endless addresses must not fill the memory. */
const MAX_LENGTH = 2_000;

/** Of one visitor on one page: all of them are looked through for a message, which must stay cheap whoever sends. */
const MAX_VARIANTS = 16;

/** Circumstances of one visitor on one page; they differ by what else the page is known by. */
interface Remembered extends Pick<Surroundings, 'search' | 'referrer'> {
  campaign: string;
  circumstances: Circumstances;
}

/** Visitor -> address -> its variants. */
type Memory = Map<number, Map<string, Remembered[]>>;

/**
 * Reads circumstances, remembering the `capacity` read last: they are looked up for every message. They are found by the
 * visitor's number and then by the address as it came: a key made of both would have to be put together for each message.
 */
export function createCircumstancesReader(
  tools: { readUserAgent: ReadUserAgent; locate: Locate },
  capacity = 8_000,
): ReadCircumstances {
  const visitorOf = createVisitorNumbers(capacity);
  // Two generations in place of an order of use: what is still wanted moves to the younger one.
  let young: Memory = new Map();
  let old: Memory = new Map();
  let youngCount = 0;
  return (surroundings) => {
    const { url, search, referrer } = surroundings;
    const campaign = surroundings.campaign === undefined ? '' : JSON.stringify(surroundings.campaign);
    if (lengthOf(surroundings) + campaign.length > MAX_LENGTH) return read(surroundings, tools);
    const visitor = visitorOf(surroundings);
    const isIt = (of: Remembered): boolean =>
      of.search === search && of.referrer === referrer && of.campaign === campaign;
    const found = young.get(visitor)?.get(url)?.find(isIt);
    if (found !== undefined) return found.circumstances;
    const circumstances = old.get(visitor)?.get(url)?.find(isIt)?.circumstances ?? read(surroundings, tools);
    if (youngCount >= capacity / 2) {
      old = young;
      young = new Map();
      youngCount = 0;
    }
    const remembered = { search, referrer, campaign, circumstances };
    let pages = young.get(visitor);
    if (pages === undefined) {
      pages = new Map();
      young.set(visitor, pages);
    }
    const others = pages.get(url);
    if (others === undefined) pages.set(url, [remembered]);
    else if (others.length < MAX_VARIANTS) others.push(remembered);
    else return circumstances;
    youngCount += 1;
    return circumstances;
  };
}

function lengthOf({ userAgent, ip = '', url, search, referrer }: Surroundings): number {
  return userAgent.length + ip.length + url.length + search.length + referrer.length;
}

/** A number for who sends, as far as circumstances follow from it; forgotten ones never come again for another. */
function createVisitorNumbers(capacity: number): (surroundings: Surroundings) => number {
  let known = new Map<string, number>();
  let next = 0;
  // Neighbouring messages are of one visitor, mostly.
  let last: Surroundings | undefined;
  let lastNumber = 0;
  return (of) => {
    if (last?.userAgent === of.userAgent && last.ip === of.ip && last.ipPolicy === of.ipPolicy)
      return lastNumber;
    // No text of a message holds a NUL, so that no text can pass for two.
    const key = `${of.ipPolicy}\0${of.ip ?? ''}\0${of.userAgent}`;
    let number = known.get(key);
    if (number === undefined) {
      if (known.size >= capacity) known = new Map();
      number = next++;
      known.set(key, number);
    }
    last = of;
    lastNumber = number;
    return number;
  };
}

function read(
  surroundings: Surroundings,
  { readUserAgent, locate }: { readUserAgent: ReadUserAgent; locate: Locate },
): Circumstances {
  const { userAgent, ip, ipPolicy } = surroundings;
  const acquisition = readAcquisition(surroundings);
  const facts: CircumstanceFacts = {
    ...(userAgent === '' ? {} : readUserAgent(userAgent)),
    ...acquisition,
  };
  if (ip !== undefined) {
    Object.assign(facts, locate(ip));
    const kept = applyIpPolicy(ip, ipPolicy);
    if (kept !== undefined) facts.ip = kept;
  }
  return {
    facts,
    json: Buffer.from(JSON.stringify(facts)),
    campaign: campaignOf(acquisition),
  };
}
