import { createHmac } from 'node:crypto';

export interface SignedHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature'?: string;
}

/**
 * Headers of the Standard Webhooks specification 1.0.0: the signature is HMAC-SHA256 over `id.timestamp.body` with the bytes
 * that follow `whsec_` in the secret as base64. Without a secret there is no signature.
 */
export function webhookHeaders(options: {
  id: string;
  /** Of this attempt, seconds since 1970. */
  timestampSeconds: number;
  body: string;
  secret: string | undefined;
}): SignedHeaders {
  const { id, timestampSeconds, body, secret } = options;
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds) };
  if (secret === undefined) return headers;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${digest}` };
}
