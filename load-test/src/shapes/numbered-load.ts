import { formatWatermark, parseWatermark, type IngestAnswer } from '@sluice/contracts';
import { deliver } from '../client/deliver.js';
import type { GatewayClient } from '../client/gateway-client.js';
import type { RunIds } from '../verify/run-ids.js';
import { createTally, type Tally } from '../verify/tally.js';
import type { MessageTemplates } from './message-templates.js';

export interface NumberedLoadOptions {
  client: GatewayClient;
  ids: RunIds;
  templates: MessageTemplates;
  /** Gives up on a request after this long, milliseconds; 0: does not try again at all. */
  giveUpAfterMs: number;
  /** Share of the requests that are sent once more after they were accepted, half of them with another `sentAt`. */
  duplicateShare?: number;
  /** Called with the ids of each answer's accepted messages. */
  onAccepted?: (ids: readonly string[]) => Promise<void>;
  signal?: AbortSignal;
}

export interface LoadTotals {
  sent: number;
  accepted: number;
  rejected: number;
  failed: number;
  requests: number;
  retries: number;
  /** Requests sent once more on purpose. */
  forcedDuplicates: number;
  bytes: number;
  /** Why messages were rejected, failed or sent again: code → how many. */
  reasons: Record<string, number>;
}

/** Sends numbered messages and keeps account of every single one that was accepted. */
export interface NumberedLoad {
  /** Sends messages `[first, first + count)` as one request. Never rejects because of an answer. */
  send(first: number, count: number): Promise<void>;
  readonly totals: LoadTotals;
  /** Numbers of accepted messages. */
  readonly accepted: Tally;
  /** After everything accepted so far that reached the log. */
  watermark(): string;
}

export function createNumberedLoad(options: NumberedLoadOptions): NumberedLoad {
  const { client, ids, templates, duplicateShare = 0, signal } = options;
  const accepted = createTally();
  const reached = new Map<number, number>();
  const totals: LoadTotals = {
    sent: 0,
    accepted: 0,
    rejected: 0,
    failed: 0,
    requests: 0,
    retries: 0,
    forcedDuplicates: 0,
    bytes: 0,
    reasons: {},
  };

  function count(reason: string, messages: number): void {
    totals.reasons[reason] = (totals.reasons[reason] ?? 0) + messages;
  }

  function noteWatermark({ watermark }: IngestAnswer): void {
    for (const [partition, offset] of parseWatermark(watermark ?? '') ?? []) {
      reached.set(partition, Math.max(offset, reached.get(partition) ?? 0));
    }
  }

  const deliverBody = (body: string) =>
    deliver(client, body, {
      giveUpAfterMs: options.giveUpAfterMs,
      onRetry: (reason) => count(`retry ${reason}`, 1),
      ...(signal === undefined ? {} : { signal }),
    });

  async function send(first: number, messages: number): Promise<void> {
    const nowMs = Date.now();
    const timestamp = new Date(nowMs).toISOString();
    const messageIds = Array.from({ length: messages }, (_, i) => messageIdOf(ids, first + i, nowMs));
    const batch = messageIds.map((id, i) => templates.fill(first + i, id, timestamp)).join(',');
    const body = `{"sentAt":"${timestamp}","batch":[${batch}]}`;
    totals.sent += messages;
    const request = ++totals.requests;
    totals.bytes += Buffer.byteLength(body);

    const delivery = await deliverBody(body);
    totals.retries += delivery.attempts - 1;
    if (delivery.kind !== 'delivered') {
      totals.failed += messages;
      count(delivery.reason, messages);
      return;
    }
    const { answer } = delivery;
    noteWatermark(answer);
    const refused = new Set(answer.rejected.map((rejection) => rejection.index));
    for (const rejection of answer.rejected) count(rejection.code, 1);
    totals.accepted += answer.accepted;
    totals.rejected += refused.size;
    const acceptedIds: string[] = [];
    for (let i = 0; i < messages; i++) {
      if (refused.has(i)) continue;
      accepted.add(first + i);
      acceptedIds.push(messageIds[i] ?? '');
    }
    await options.onAccepted?.(acceptedIds);

    if (isChosen(request, duplicateShare)) {
      totals.forcedDuplicates++;
      const later = new Date(nowMs + 1_234).toISOString();
      const sameBytes = totals.forcedDuplicates % 2 === 0;
      const again = await deliverBody(
        sameBytes ? body : body.replace(`"sentAt":"${timestamp}"`, `"sentAt":"${later}"`),
      );
      if (again.kind === 'delivered') noteWatermark(again.answer);
    }
  }

  return {
    send,
    totals,
    accepted,
    watermark: () => formatWatermark(reached),
  };
}

/** Half of the ids are UUIDv7s, which the store uses as they are; half have the form of Segment's Node SDK. */
function messageIdOf(ids: RunIds, n: number, nowMs: number): string {
  const uuid = ids.idOf(n, nowMs);
  return n % 2 === 0 ? uuid : `node-next-${nowMs}-${uuid}`;
}

/** True for an even spread of `share` of the numbers. */
function isChosen(n: number, share: number): boolean {
  return Math.floor(n * share) > Math.floor((n - 1) * share);
}
