/** A run of bytes. */
export interface Span {
  start: number;
  end: number;
}

/** The same bytes as fewer, longer runs: neighbours become one. */
export function joinSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const { start, end } of spans) {
    const last = joined.at(-1);
    if (last?.end === start) last.end = end;
    else joined.push({ start, end });
  }
  return joined;
}
