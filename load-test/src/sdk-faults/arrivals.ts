import { formatWatermark, parseWatermark } from '@sluice/contracts';
import type { SeenRequest } from './fault-proxy.js';
import { labelsIn } from './markers.js';

/** What the server behind took in of the counted events. */
export interface Arrivals {
  /** Copies by the event's number. */
  copies: Map<string, number>;
  extraCopies: number;
  messageIds: Set<string>;
  refusals: string[];
  watermark: string;
  preflights: number;
}

export type LabelReader = (request: SeenRequest) => readonly string[];

/** Bodies are read once: the lab looks at all requests again and again. */
export function rememberLabels(run: string): LabelReader {
  const labels = new WeakMap<SeenRequest, readonly string[]>();
  return (request) => {
    const known = labels.get(request) ?? labelsIn(request.body, run);
    labels.set(request, known);
    return known;
  };
}

/** Only events whose label is a number count. */
export function readArrivals(requests: readonly SeenRequest[], readLabels: LabelReader): Arrivals {
  const found: Arrivals = {
    copies: new Map(),
    extraCopies: 0,
    messageIds: new Set(),
    refusals: [],
    watermark: '',
    preflights: 0,
  };
  const reached = new Map<number, number>();
  for (const request of requests) {
    if (request.method === 'OPTIONS') found.preflights++;
    if (!request.takenIn) continue;
    found.refusals.push(...request.refusals);
    for (const [partition, offset] of parseWatermark(request.watermark) ?? []) {
      reached.set(partition, Math.max(offset, reached.get(partition) ?? 0));
    }
    readLabels(request).forEach((label, index, { length }) => {
      if (!/^\d+$/.test(label)) return;
      const before = found.copies.get(label) ?? 0;
      found.copies.set(label, before + 1);
      if (before > 0) found.extraCopies++;
      const id = length === request.messageIds.length ? request.messageIds[index] : undefined;
      if (id !== undefined) found.messageIds.add(id);
    });
  }
  found.watermark = formatWatermark(reached);
  return found;
}
