import { insertableJson } from '@sluice/warehouse';
import { isObject, asObject, asText, type JsonObject } from '../decode/json.js';
import { domainOf } from '../enrich/acquisition.js';
import type { RawRow } from '../land/raw-row.js';

/** What columns of ClickHouse's `events` take from the message itself. */
export interface ColumnsOfRow {
  groupId: string;
  pageUrl: string;
  pagePath: string;
  pageTitle: string;
  locale: string;
  library: string;
}

export function columnsOfRow(row: RawRow): ColumnsOfRow {
  const { message } = row;
  const context = asObject(message.context);
  const around = asObject(context.page);
  // A page message names its page in its properties; every other message in its context.
  const own = row.type === 'page' ? asObject(message.properties) : around;
  const pageUrl = asText(own.url) || asText(around.url);
  return {
    groupId: idText(message.groupId) || idText(context.groupId),
    pageUrl,
    pagePath:
      asText(own.path) ||
      asText(around.path) ||
      pathOf(pageUrl) ||
      // A screen's path is its name.
      (row.type === 'screen' ? row.event : ''),
    pageTitle: asText(own.title) || asText(around.title),
    locale: asText(context.locale),
    library: asText(asObject(context.library).name),
  };
}

/** What the properties column holds, as JSON: a message's properties, or the traits of an identify or group. */
export function propertiesOf(row: RawRow): string {
  const { message } = row;
  const properties = row.type === 'identify' || row.type === 'group' ? message.traits : message.properties;
  if (!isObject(properties)) return '{}';
  const json = insertableJson(JSON.stringify(properties));
  return row.enrichment.propertiesAsText === true ? JSON.stringify({ [PROPERTIES_AS_TEXT]: json }) : json;
}

/** The one property of a row whose properties ClickHouse refused: all of them, as JSON text. */
export const PROPERTIES_AS_TEXT = '$text';

function idText(value: JsonObject[string]): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function pathOf(url: string): string {
  const domain = domainOf(url);
  if (domain === '') return '';
  const match = /^[a-z-]+:\/\/[^/?#]+([^?#]*)/i.exec(url);
  return match?.[1] === undefined || match[1] === '' ? '/' : match[1];
}
