import type { ProjectSettings } from '@sluice/service-kit';
import type { DecodedMessage } from '../decode/decode-message.js';
import { uuidFrom } from '../decode/event-id.js';
import { objectAt, textAt, type JsonObject } from '../decode/json.js';
import type { CorrectedTimestamp } from '../decode/timestamps.js';
import { campaignOf, readAcquisition, type Acquisition } from './acquisition.js';
import type { Locate, Place } from './geography.js';
import { applyIpPolicy } from './ip-policy.js';
import { readRevenue, type Revenue } from './revenue.js';
import type { ReadUserAgent, UserAgentFacts } from './user-agent.js';

/** What landing found out about an event, as it is stored beside the message. Keys without a finding are left out. */
export interface Enrichment extends UserAgentFacts, Place, Acquisition, Partial<Revenue> {
  /** What the project keeps of the client's address. */
  ip?: string;
  /** The time could not be believed and was replaced. */
  clamped?: NonNullable<CorrectedTimestamp['clamped']>;
  /** How the event departs from the tracking plan. */
  violations?: PlanViolation[];
  /** ClickHouse refused the properties, so they are rolled up as text. */
  propertiesAsText?: true;
}

export interface PlanViolation {
  /** JSON pointer into the message. */
  field: string;
  message: string;
}

export interface EnrichedMessage {
  decoded: DecodedMessage;
  /** The message as it is stored, the project's IP policy applied. */
  message: JsonObject;
  enrichment: Enrichment;
  campaign: string | undefined;
  /** Id of the session that the client named, as a UUID. */
  namedSessionId: string | undefined;
}

export type CheckPlan = (message: JsonObject, project: ProjectSettings) => readonly PlanViolation[];

export interface EnrichmentTools {
  readUserAgent: ReadUserAgent;
  locate: Locate;
  checkPlan: CheckPlan;
}

/** Adds what the message, the address and the user agent tell. Pure but for the caches of its tools. */
export function enrich(
  decoded: DecodedMessage,
  project: ProjectSettings,
  tools: EnrichmentTools,
): EnrichedMessage {
  const context = objectAt(decoded.message, 'context');
  const enrichment: Enrichment = {};
  const userAgent = userAgentOf(decoded, context);
  if (userAgent !== '') Object.assign(enrichment, tools.readUserAgent(userAgent));
  const acquisition = readAcquisition(pageContext(decoded, context));
  Object.assign(enrichment, acquisition);

  const ip = addressOf(decoded, context);
  if (ip !== undefined) {
    Object.assign(enrichment, tools.locate(ip));
    const kept = applyIpPolicy(ip, project.ipPolicy);
    if (kept !== undefined) enrichment.ip = kept;
  }
  if (decoded.type === 'track') {
    const revenue = readRevenue(decoded.event, decoded.message);
    if (revenue !== undefined) Object.assign(enrichment, revenue);
  }
  if (decoded.clamped !== undefined) enrichment.clamped = decoded.clamped;
  if (project.planMode === 'warn') {
    const violations = tools.checkPlan(decoded.message, project);
    if (violations.length > 0) enrichment.violations = violations.slice(0, MAX_VIOLATIONS);
  }
  return {
    decoded,
    message: withoutAddress(decoded.message, context, project),
    enrichment,
    campaign: campaignOf(acquisition),
    namedSessionId: namedSessionOf(decoded, context),
  };
}

const MAX_VIOLATIONS = 20;

/** Server libraries pass on what a user's browser said; the address and agent of their own requests mean nothing. */
const SERVER_LIBRARY =
  /^(@segment\/analytics-node|analytics-(node|python|ruby|go|php|java|rust|clojure)|Analytics-(Go|CSharp)|Analytics\.NET|analytics-dotnet)/i;

function isFromServer(context: JsonObject): boolean {
  return context.direct !== true && SERVER_LIBRARY.test(textAt(objectAt(context, 'library'), 'name'));
}

/** The agent that the message names, else that of the request when it is a browser's. */
function userAgentOf(decoded: DecodedMessage, context: JsonObject): string {
  const named = textAt(context, 'userAgent');
  if (named !== '') return named;
  const { userAgent = '' } = decoded;
  return userAgent.startsWith('Mozilla/') && !isFromServer(context) ? userAgent : '';
}

function addressOf(decoded: DecodedMessage, context: JsonObject): string | undefined {
  const named = textAt(context, 'ip');
  if (named !== '' && context.direct !== true) return named;
  return isFromServer(context) ? undefined : decoded.ip;
}

/** A page message names its page in its properties, which may be newer than the context. */
function pageContext(decoded: DecodedMessage, context: JsonObject): JsonObject {
  if (decoded.type !== 'page') return context;
  const properties = objectAt(decoded.message, 'properties');
  const page = { ...objectAt(context, 'page') };
  for (const key of ['url', 'search', 'referrer']) {
    const value = textAt(properties, key);
    if (value !== '') page[key] = value;
  }
  return { ...context, page };
}

/** The policy holds for the address that the message itself carries, too. */
function withoutAddress(message: JsonObject, context: JsonObject, project: ProjectSettings): JsonObject {
  if (context.ip === undefined || project.ipPolicy === 'keep') return message;
  const { ip, ...rest } = context;
  const kept = typeof ip === 'string' ? applyIpPolicy(ip, project.ipPolicy) : undefined;
  return { ...message, context: kept === undefined ? rest : { ...rest, ip: kept } };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NIL = '00000000-0000-0000-0000-000000000000';

function namedSessionOf(decoded: DecodedMessage, context: JsonObject): string | undefined {
  const { sessionId } = context;
  if (typeof sessionId !== 'string' && typeof sessionId !== 'number') return undefined;
  const text = String(sessionId);
  if (text === '' || text === NIL) return undefined;
  if (UUID.test(text)) return text.toLowerCase();
  return uuidFrom(`session\n${decoded.projectId}\n${decoded.deviceId}\n${text}`);
}
