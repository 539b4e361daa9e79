/**
 * A point in the event log: for each named partition, the offset of the next record after it. "Everything up to the
 * watermark" is every record below these offsets. On the wire: `0:1234,3:77`.
 */
export type Watermark = ReadonlyMap<number, number>;

export function formatWatermark(watermark: Watermark): string {
  return [...watermark]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(',');
}

/** The watermark in `text`, or undefined when it is malformed. An empty text is the empty watermark. */
export function parseWatermark(text: string): Watermark | undefined {
  const watermark = new Map<number, number>();
  if (text === '') return watermark;
  for (const part of text.split(',')) {
    const match = /^(\d{1,9}):(\d{1,16})$/.exec(part);
    if (match === null) return undefined;
    const partition = Number(match[1]);
    const offset = Number(match[2]);
    if (!Number.isSafeInteger(offset) || watermark.has(partition)) return undefined;
    watermark.set(partition, offset);
  }
  return watermark;
}
