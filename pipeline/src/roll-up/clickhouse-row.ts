import { insertableJson } from '@sluice/warehouse';
import { isObject, objectAt, textAt, type JsonObject } from '../decode/json.js';
import { domainOf } from '../enrich/acquisition.js';
import type { CircumstanceFacts } from '../enrich/circumstances.js';
import type { RawRow } from '../land/raw-row.js';
import { encodeJson, encodeText, encodeTime, NIL_UUID } from '../text-form.js';

/** Columns of ClickHouse's `events`, in the order of the values of `encodeClickHouseRow`. */
export const EVENT_COLUMNS = [
  'session_id',
  'batch_id',
  'project_id',
  'event_id',
  'received_at',
  'timestamp',
  'type',
  'event',
  'message_id',
  'anonymous_id',
  'user_id',
  'actor_id',
  'group_id',
  'is_bot',
  'properties',
  'page_url',
  'page_path',
  'page_title',
  'referrer',
  'referrer_domain',
  'channel',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'browser',
  'browser_version',
  'os',
  'os_version',
  'device_type',
  'country',
  'region',
  'city',
  'locale',
  'library',
  'revenue',
  'currency',
] as const;

/**
 * A raw row as a line of TabSeparated for ClickHouse. The one way from Postgres's rows to ClickHouse's: batches in memory,
 * batches read back after a restart and rebuilds all go through it, so that all of them give the same bytes. The session
 * stands first, so that a line written before its session is known can be completed in place.
 *
 * @param circumstances What `encodeCircumstances` gives for the row's enrichment, where that is at hand.
 */
export function encodeClickHouseRow(
  batchId: number,
  row: RawRow,
  circumstances: string = encodeCircumstances(row.enrichment),
): string {
  const { enrichment: found, message } = row;
  const context = objectAt(message, 'context');
  const page = pageOf(row, context);
  const anonymousId = optional(row.anonymousId);
  const userId = optional(row.userId);
  return (
    `${row.sessionId ?? NIL_UUID}\t${batchId}\t${row.projectId}\t${row.eventId}\t` +
    `${encodeTime(row.receivedAtMs)}\t${encodeTime(row.timestampMs)}\t` +
    `${row.type}\t${encodeText(row.event)}\t${encodeText(row.messageId)}\t${anonymousId}\t` +
    `${userId}\t${row.userId === null ? anonymousId : userId}\t${encodeText(groupOf(message, context))}\t` +
    `${found.bot === true ? 1 : 0}\t${encodeProperties(row)}\t` +
    `${encodeText(page.url)}\t${encodeText(page.path)}\t${encodeText(page.title)}\t${circumstances}\t` +
    `${encodeText(textAt(context, 'locale'))}\t${encodeText(textAt(objectAt(context, 'library'), 'name'))}\t` +
    `${found.revenue ?? '\\N'}\t${optional(found.currency)}\n`
  );
}

/** The columns from `referrer` to `city`. */
export function encodeCircumstances(found: Readonly<CircumstanceFacts>): string {
  return (
    `${optional(found.referrer)}\t${optional(found.referrerDomain)}\t${optional(found.channel)}\t` +
    `${optional(found.utmSource)}\t${optional(found.utmMedium)}\t${optional(found.utmCampaign)}\t${optional(found.utmTerm)}\t${optional(found.utmContent)}\t` +
    `${optional(found.browser)}\t${optional(found.browserVersion)}\t${optional(found.os)}\t${optional(found.osVersion)}\t${optional(found.device)}\t` +
    `${optional(found.country)}\t${optional(found.region)}\t${optional(found.city)}`
  );
}

function optional(value: string | null | undefined): string {
  return value === undefined || value === null ? '' : encodeText(value);
}

/** What the properties column holds: a message's properties, or the traits of an identify or group. */
export function encodeProperties(row: RawRow): string {
  const name = row.type === 'identify' || row.type === 'group' ? 'traits' : 'properties';
  const properties = Object.hasOwn(row.message, name) ? row.message[name] : undefined;
  if (!isObject(properties)) return '{}';
  const json = insertableJson(JSON.stringify(properties));
  if (row.enrichment.propertiesAsText === true) {
    return encodeJson(JSON.stringify({ [PROPERTIES_AS_TEXT]: json }));
  }
  return encodeJson(json);
}

/** The one property of a row whose properties ClickHouse refused: all of them, as JSON text. */
export const PROPERTIES_AS_TEXT = '$text';

function groupOf(message: JsonObject, context: JsonObject): string {
  const own = idText(message.groupId);
  return own === '' ? idText(context.groupId) : own;
}

function idText(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

interface Page {
  url: string;
  path: string;
  title: string;
}

/** A page message names its page in its properties; every other message in its context. A screen's path is its name. */
function pageOf(row: RawRow, context: JsonObject): Page {
  const around = objectAt(context, 'page');
  const own = row.type === 'page' ? objectAt(row.message, 'properties') : around;
  const url = textAt(own, 'url') || textAt(around, 'url');
  return {
    url,
    path:
      textAt(own, 'path') ||
      textAt(around, 'path') ||
      pathOf(url) ||
      (row.type === 'screen' ? row.event : ''),
    title: textAt(own, 'title') || textAt(around, 'title'),
  };
}

function pathOf(url: string): string {
  const domain = domainOf(url);
  if (domain === '') return '';
  const match = /^[a-z-]+:\/\/[^/?#]+([^?#]*)/i.exec(url);
  return match?.[1] === undefined || match[1] === '' ? '/' : match[1];
}
