import type { ProjectSettings } from '@sluice/service-kit';
import type { DecodedMessage } from '../decode/decode-message.js';
import { uuidFrom } from '../decode/event-id.js';
import { asObject, asText, type JsonObject } from '../decode/json.js';
import type { CorrectedTimestamp } from '../decode/timestamps.js';
import { visitOf } from './acquisition.js';
import type { CircumstanceFacts, Circumstances, ReadCircumstances } from './circumstances.js';
import { applyIpPolicy } from './ip-policy.js';
import { readRevenue, type Revenue } from './revenue.js';
import { readSequence, type Sequence } from './sequence.js';

/** What landing found out about an event, as it is stored beside the message. Keys without a finding are left out. */
export interface Enrichment extends CircumstanceFacts, OwnFindings {}

/** What the content of the message itself tells. */
interface OwnFindings extends Partial<Revenue> {
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
  circumstances: Circumstances;
  enrichment: Readonly<Enrichment>;
  /** The same as JSON, in two parts: what is shared with other messages, in UTF-8, and the rest. */
  enrichmentJson: readonly [shared: Uint8Array, rest: string];
  /** Id of the session that the client named, as a UUID. */
  namedSessionId: string | undefined;
  sequence: Sequence | undefined;
}

export type CheckPlan = (message: JsonObject, project: ProjectSettings) => readonly PlanViolation[];

export interface EnrichmentTools {
  readCircumstances: ReadCircumstances;
  checkPlan: CheckPlan;
}

/** Adds what the message, the address and the user agent tell. Pure but for the caches of its tools. */
export function enrich(
  decoded: DecodedMessage,
  project: ProjectSettings,
  tools: EnrichmentTools,
): EnrichedMessage {
  const context = asObject(decoded.message.context);
  const { url, search, referrer, campaign } = visitOf(pageContext(decoded, context));
  const circumstances = tools.readCircumstances({
    userAgent: userAgentOf(decoded, context),
    ip: addressOf(decoded, context),
    ipPolicy: project.ipPolicy,
    url,
    search,
    referrer,
    campaign,
  });
  const own = findingsOf(decoded, project, tools);
  return {
    decoded,
    message: withoutAddress(decoded.message, context, project),
    circumstances,
    enrichment: own === undefined ? circumstances.facts : { ...circumstances.facts, ...own },
    enrichmentJson: own === undefined ? [circumstances.json, ''] : joinObjects(circumstances.json, own),
    namedSessionId: namedSessionOf(decoded, context),
    sequence: context.sluice === undefined ? undefined : readSequence(context),
  };
}

function findingsOf(
  decoded: DecodedMessage,
  project: ProjectSettings,
  tools: EnrichmentTools,
): OwnFindings | undefined {
  const revenue = decoded.type === 'track' ? readRevenue(decoded.event, decoded.message) : undefined;
  const violations = project.planMode === 'warn' ? tools.checkPlan(decoded.message, project) : [];
  if (revenue === undefined && decoded.clamped === undefined && violations.length === 0) return undefined;
  return {
    ...revenue,
    ...(decoded.clamped === undefined ? {} : { clamped: decoded.clamped }),
    ...(violations.length === 0 ? {} : { violations: violations.slice(0, MAX_VIOLATIONS) }),
  };
}

/** The JSON of an object with the members of another, which is not empty. */
function joinObjects(json: Uint8Array, more: object): readonly [Uint8Array, string] {
  const rest = JSON.stringify(more).slice(1);
  const isEmpty = json.byteLength === 2;
  return [json.subarray(0, -1), isEmpty ? rest : `,${rest}`];
}

const MAX_VIOLATIONS = 20;

/** Server libraries pass on what a user's browser said; the address and agent of their own requests mean nothing. */
const SERVER_LIBRARY =
  /^(@segment\/analytics-node|analytics-(node|python|ruby|go|php|java|rust|clojure)|Analytics-(Go|CSharp)|Analytics\.NET|analytics-dotnet)/i;

function isFromServer(context: JsonObject): boolean {
  return context.direct !== true && SERVER_LIBRARY.test(asText(asObject(context.library).name));
}

/** The agent that the message names, else that of the request when it is a browser's. */
function userAgentOf(decoded: DecodedMessage, context: JsonObject): string {
  const named = asText(context.userAgent);
  if (named !== '') return named;
  const { userAgent = '' } = decoded;
  return userAgent.startsWith('Mozilla/') && !isFromServer(context) ? userAgent : '';
}

function addressOf(decoded: DecodedMessage, context: JsonObject): string | undefined {
  const named = asText(context.ip);
  if (named !== '' && context.direct !== true) return named;
  return isFromServer(context) ? undefined : decoded.ip;
}

/** A page message names its page in its properties, which may be newer than the context. */
function pageContext(decoded: DecodedMessage, context: JsonObject): JsonObject {
  if (decoded.type !== 'page') return context;
  const properties = asObject(decoded.message.properties);
  const page = { ...asObject(context.page) };
  for (const key of ['url', 'search', 'referrer']) {
    const value = asText(properties[key]);
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
