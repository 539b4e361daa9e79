/**
 * Makes UUIDs of version 7: the time of the call in the first 48 bits, then a counter that keeps the ids of one source in
 * the order in which they were made, also within a millisecond and when the clock is set back; the rest is random.
 */
export function createUuidV7Source(now: () => number): () => string {
  let lastMs = 0;
  let counter = 0;
  return () => {
    const random = crypto.getRandomValues(new Uint8Array(10));
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      // Room for a thousand ids more in this millisecond, even from the highest start.
      counter = (random[8]! << 2) | (random[9]! & 3);
    } else if (++counter > 0xfff) {
      lastMs++;
      counter = 0;
    }
    let hex = lastMs.toString(16).padStart(12, '0') + (0x7000 | counter).toString(16);
    random[0] = 0x80 | (random[0]! & 0x3f);
    for (let i = 0; i < 8; i++) hex += (0x100 | random[i]!).toString(16).slice(1);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}
