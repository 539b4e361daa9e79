import { campaignKey } from '@sluice/contracts/sessions';
import { asObject, asText, type JsonObject } from '../decode/json.js';

/** Where a visit came from. */
export interface Acquisition {
  referrer?: string;
  referrerDomain?: string;
  channel?: Channel;
  utmSource?: string;
  utmMedium?: string;
  utmCampaign?: string;
  utmTerm?: string;
  utmContent?: string;
  /** Name of the ad click parameter that was present, e.g. gclid. */
  clickId?: string;
}

export type Channel =
  | 'direct'
  | 'internal'
  | 'referral'
  | 'organic search'
  | 'organic social'
  | 'organic video'
  | 'paid search'
  | 'paid social'
  | 'paid'
  | 'display'
  | 'email'
  | 'affiliates'
  | 'sms'
  | 'push'
  | 'ai assistant'
  | 'campaign';

const CLICK_IDS = [
  'gclid',
  'gbraid',
  'wbraid',
  'dclid',
  'fbclid',
  'msclkid',
  'ttclid',
  'twclid',
  'li_fat_id',
  'yclid',
] as const;
/** Click ids that only ads carry; the others are on plain links of their networks too. */
const PAID_CLICK_IDS = new Set<string>(['gclid', 'gbraid', 'wbraid', 'dclid', 'msclkid', 'yclid']);

const PARAMETERS = {
  utmSource: ['utm_source', 'source'],
  utmMedium: ['utm_medium', 'medium'],
  utmCampaign: ['utm_campaign', 'name'],
  utmTerm: ['utm_term', 'term'],
  utmContent: ['utm_content', 'content'],
} as const;

/** What a message says of the page it was sent from. */
export interface Visit {
  url: string;
  /** The query string as the client gave it; empty when it is to be taken from the address. */
  search: string;
  referrer: string;
  /** `context.campaign`, where there is one. */
  campaign: JsonObject | undefined;
}

/** The visit that a context describes; all empty when it names no page. */
export function visitOf(context: JsonObject): Visit {
  const page = asObject(context.page);
  const campaign = asObject(context.campaign);
  return {
    url: asText(page.url),
    search: asText(page.search),
    referrer: asText(page.referrer) || asText(asObject(context.referrer).url),
    campaign: Object.keys(campaign).length === 0 ? undefined : campaign,
  };
}

/**
 * Where a visit came from. `context.campaign` wins over the address of the page. Empty for a message that names neither.
 */
export function readAcquisition({ url, search: given, referrer, campaign = {} }: Visit): Acquisition {
  const search = given || searchOf(url);
  const acquisition: Acquisition = {};

  const parameters = search.length > 1 ? new URLSearchParams(search) : undefined;
  for (const [key, [parameter, name]] of Object.entries(PARAMETERS)) {
    const value = asText(campaign[name]) || parameters?.get(parameter) || '';
    if (value !== '') acquisition[key as keyof typeof PARAMETERS] = value;
  }
  const clickId = parameters && CLICK_IDS.find((name) => parameters.has(name));
  if (clickId !== undefined) acquisition.clickId = clickId;

  const referrerDomain = domainOf(referrer);
  if (referrer !== '') acquisition.referrer = referrer;
  if (referrerDomain !== '') acquisition.referrerDomain = referrerDomain;

  if (url === '' && referrer === '' && acquisition.utmSource === undefined) return acquisition;
  acquisition.channel = channelOf(acquisition, domainOf(url));
  return acquisition;
}

/** Name of the campaign that a message came by, for telling sessions apart; undefined when it came by none. */
export function campaignOf(acquisition: Acquisition): string | undefined {
  return campaignKey(acquisition.utmSource, acquisition.utmMedium, acquisition.utmCampaign);
}

function searchOf(url: string): string {
  const from = url.indexOf('?');
  if (from === -1) return '';
  const to = url.indexOf('#', from);
  return url.slice(from, to === -1 ? undefined : to);
}

/** Host of an address, without `www.` and port; empty when it is not a web address. */
export function domainOf(url: string): string {
  const match = /^(?:https?|android-app):\/\/(?:[^/?#@]*@)?([^/?#:]+)/i.exec(url);
  return match === null ? '' : match[1]!.toLowerCase().replace(/^www\./, '');
}

const SEARCH =
  /(^|\.)(google|bing|duckduckgo|yahoo|yandex|baidu|ecosia|qwant|startpage|naver|seznam|kagi)\.[a-z.]+$|^search\.brave\.com$/;
const SOCIAL =
  /(^|\.)(facebook\.com|instagram\.com|threads\.(net|com)|twitter\.com|x\.com|t\.co|linkedin\.com|lnkd\.in|reddit\.com|pinterest\.[a-z.]+|tiktok\.com|vk\.com|mastodon\.[a-z]+|bsky\.app|news\.ycombinator\.com|snapchat\.com|weibo\.com)$/;
const VIDEO = /(^|\.)(youtube\.com|youtu\.be|vimeo\.com|twitch\.tv|dailymotion\.com)$/;
const ASSISTANT =
  /(^|\.)(chatgpt\.com|chat\.openai\.com|perplexity\.ai|claude\.ai|gemini\.google\.com|copilot\.microsoft\.com)$/;
const MAIL = /(^|\.)(mail\.google\.com|outlook\.live\.com|mail\.yahoo\.com|mail\.proton\.me)$/;

const SEARCH_SOURCE = /^(google|bing|duckduckgo|yahoo|yandex|baidu|ecosia|adwords)$/i;
const SOCIAL_SOURCE =
  /^(facebook|fb|instagram|ig|meta|twitter|x|linkedin|reddit|pinterest|tiktok|snapchat|threads)$/i;

function channelOf(from: Acquisition, ownDomain: string): Channel {
  const { utmMedium: medium = '', utmSource: source = '', referrerDomain: domain = '', clickId } = from;
  const search = SEARCH_SOURCE.test(source) || (source === '' && SEARCH.test(domain));
  const social = SOCIAL_SOURCE.test(source) || (source === '' && SOCIAL.test(domain));
  const paid =
    /^(cpc|ppc|cpm|cpv|retargeting|paid.*|.*[-_ ]paid)$/i.test(medium) ||
    (clickId !== undefined && PAID_CLICK_IDS.has(clickId));
  if (/^(display|banner|expandable|interstitial)$/i.test(medium) || clickId === 'dclid') return 'display';
  if (paid) {
    if (social) return 'paid social';
    return search || clickId !== undefined ? 'paid search' : 'paid';
  }
  if (/^e[-_ ]?mail$|^newsletter$/i.test(medium) || /^e[-_ ]?mail$|^newsletter$/i.test(source))
    return 'email';
  if (/^affiliates?$/i.test(medium)) return 'affiliates';
  if (/^sms$/i.test(medium) || /^sms$/i.test(source)) return 'sms';
  if (/push$/i.test(medium) || /^firebase$/i.test(source)) return 'push';
  if (/^(social|social[-_ ]?(network|media)|sm)$/i.test(medium) || social) return 'organic social';
  if (/^organic$/i.test(medium)) return 'organic search';
  if (source !== '' || medium !== '') return 'campaign';
  if (domain === '') return 'direct';
  if (domain === ownDomain) return 'internal';
  if (ASSISTANT.test(domain)) return 'ai assistant';
  if (MAIL.test(domain)) return 'email';
  if (VIDEO.test(domain)) return 'organic video';
  if (search) return 'organic search';
  return 'referral';
}
