import type { ClaimedNotification } from './outbox.js';
import type { Outcome } from './outcome.js';
import { postJson } from './post-json.js';
import type { SendEmail } from './send-email.js';
import { slackMessageOf } from './slack-message.js';
import { webhookHeaders } from './webhook-signature.js';

export interface DeliveryTools {
  /** Undefined where no mail server is set. */
  sendEmail: SendEmail | undefined;
  timeoutMs: number;
  refusePrivate: boolean;
  stopping: AbortSignal;
  now(): number;
}

/** The same for every attempt, so that a receiver can remove what it got twice. */
export function notificationKey(notificationId: number): string {
  return `sluice-notification-${notificationId}`;
}

/** One attempt. */
export async function deliver(claimed: ClaimedNotification, tools: DeliveryTools): Promise<Outcome> {
  const { channelKind, target, message, secret } = claimed;
  const id = notificationKey(claimed.notificationId);
  if (channelKind === 'email') {
    if (tools.sendEmail === undefined) {
      return { kind: 'retry', error: 'No mail server is set: SMTP_URL and NOTIFY_EMAIL_FROM.' };
    }
    return tools.sendEmail({ id, addresses: target.addresses ?? [], message });
  }
  if (target.url === undefined) return { kind: 'refused', error: 'The channel has no address.' };
  const nowMs = tools.now();
  const body = JSON.stringify(channelKind === 'slack' ? slackMessageOf(message) : message);
  const headers =
    channelKind === 'slack'
      ? {}
      : webhookHeaders({ id, timestampSeconds: Math.floor(nowMs / 1_000), body, secret });
  const { timeoutMs, refusePrivate, stopping } = tools;
  return postJson({
    url: target.url,
    body,
    headers: { ...headers },
    timeoutMs,
    refusePrivate,
    stopping,
    nowMs,
  });
}
