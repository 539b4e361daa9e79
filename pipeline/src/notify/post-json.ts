import { lookup as lookUp, type LookupAddress } from 'node:dns';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { outcomeOfStatus, readRetryAfter, type Outcome } from './outcome.js';
import { isPrivateAddress } from './private-addresses.js';

export interface PostOptions {
  url: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  timeoutMs: number;
  refusePrivate: boolean;
  stopping: AbortSignal;
  nowMs: number;
}

class PrivateAddressError extends Error {
  override name = 'PrivateAddressError';
}

/**
 * Posts a JSON document once. Follows no redirect and reads no body. Where private addresses are refused, it is the address
 * that is connected to that counts, not one that the name had a moment earlier.
 */
export async function postJson(options: PostOptions): Promise<Outcome> {
  const { url, timeoutMs, refusePrivate, stopping, nowMs } = options;
  let address: URL;
  try {
    address = new URL(url);
  } catch {
    return { kind: 'refused', error: 'The address is not a URL.' };
  }
  if (address.protocol !== 'https:' && address.protocol !== 'http:') {
    return { kind: 'refused', error: 'The address is neither http nor https.' };
  }
  const host = address.hostname.replace(/^\[|\]$/g, '');
  if (refusePrivate && isIP(host) !== 0 && isPrivateAddress(host)) return refusedPrivate();
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await send(address, options, AbortSignal.any([stopping, timeout]));
    const retryAfterMs = readRetryAfter(answer.headers['retry-after'], nowMs);
    answer.destroy();
    return outcomeOfStatus(answer.statusCode ?? 0, retryAfterMs);
  } catch (error) {
    if (error instanceof PrivateAddressError) return refusedPrivate();
    if (timeout.aborted)
      return { kind: 'retry', error: `The receiver did not answer within ${timeoutMs} ms.` };
    return { kind: 'retry', error: `The receiver could not be reached: ${(error as Error).message}` };
  }
}

function refusedPrivate(): Outcome {
  return { kind: 'refused', error: 'The address is one of a private network, which are refused here.' };
}

function send(address: URL, options: PostOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const request = address.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sending = request(
      address,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(options.body),
          'user-agent': 'sluice',
          ...options.headers,
        },
        // A connection of its own: kept ones would have been looked up under other rules, and there are few.
        agent: false,
        signal,
        ...(options.refusePrivate ? { lookup: lookUpPublic } : {}),
      },
      resolve,
    );
    sending.on('error', reject);
    sending.end(options.body);
  });
}

const lookUpPublic: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) {
      callback(error, '', 4);
      return;
    }
    const found = addresses.filter(({ address }) => !isPrivateAddress(address));
    const [first] = found;
    if (first === undefined) callback(new PrivateAddressError(hostname), '', 4);
    else if (options.all === true) callback(null, found);
    else callback(null, first.address, first.family);
  });
};
