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
  /** The facts as JSON. */
  json: string;
  /** Name of the campaign that the visit came by; undefined when it came by none. */
  campaign: string | undefined;
}

export type ReadCircumstances = (surroundings: Surroundings) => Circumstances;

/** Longer ones are not remembered: a few clients with endless addresses must not fill the memory. */
const MAX_KEY_LENGTH = 2_000;

/** Reads circumstances, remembering the `capacity` read last: they are looked up for every message. */
export function createCircumstancesReader(
  tools: { readUserAgent: ReadUserAgent; locate: Locate },
  capacity = 8_000,
): ReadCircumstances {
  // Two generations in place of an order of use: what is still wanted moves to the younger one.
  let young = new Map<string, Circumstances>();
  let old = new Map<string, Circumstances>();
  return (surroundings) => {
    const key = keyOf(surroundings);
    if (key.length > MAX_KEY_LENGTH) return read(surroundings, tools);
    let found = young.get(key);
    if (found !== undefined) return found;
    found = old.get(key) ?? read(surroundings, tools);
    if (young.size >= capacity / 2) {
      old = young;
      young = new Map();
    }
    young.set(key, found);
    return found;
  };
}

/** No text of a message holds a NUL, so that no text can pass for two. */
function keyOf(of: Surroundings): string {
  const campaign = of.campaign === undefined ? '' : JSON.stringify(of.campaign);
  return `${of.ipPolicy}\0${of.ip ?? ''}\0${of.userAgent}\0${of.url}\0${of.search}\0${of.referrer}\0${campaign}`;
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
    json: JSON.stringify(facts),
    campaign: campaignOf(acquisition),
  };
}
