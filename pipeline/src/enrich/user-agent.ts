import Bowser from 'bowser';
import { isbot } from 'isbot';

export interface UserAgentFacts {
  browser?: string;
  browserVersion?: string;
  os?: string;
  osVersion?: string;
  /** desktop, mobile, tablet, tv … */
  device?: string;
  bot?: true;
}

export type ReadUserAgent = (userAgent: string) => UserAgentFacts;

/** Longer user agents are not from browsers, and only cost time. */
const MAX_LENGTH = 1_024;

export function readUserAgent(userAgent: string): UserAgentFacts {
  const text = userAgent.slice(0, MAX_LENGTH);
  const facts: UserAgentFacts = {};
  if (isbot(text)) facts.bot = true;
  const parsed = Bowser.parse(text);
  if (parsed.browser.name) facts.browser = parsed.browser.name;
  if (parsed.browser.version) facts.browserVersion = parsed.browser.version;
  if (parsed.os.name) facts.os = parsed.os.name;
  // Windows numbers its kernel; everyone else numbers the system.
  const osVersion = parsed.os.name === 'Windows' ? parsed.os.versionName : parsed.os.version;
  if (osVersion) facts.osVersion = osVersion;
  if (parsed.platform.type) facts.device = parsed.platform.type;
  return facts;
}

/**
 * The same, remembering the `capacity` user agents seen last: parsing one takes a hundred times as long as finding it.
 */
export function createUserAgentReader(capacity = 5_000): ReadUserAgent {
  const known = new Map<string, UserAgentFacts>();
  return (userAgent) => {
    const found = known.get(userAgent);
    if (found !== undefined) {
      known.delete(userAgent);
      known.set(userAgent, found);
      return found;
    }
    const facts = readUserAgent(userAgent);
    known.set(userAgent, facts);
    if (known.size > capacity) {
      const oldest = known.keys().next();
      if (oldest.done !== true) known.delete(oldest.value);
    }
    return facts;
  };
}
