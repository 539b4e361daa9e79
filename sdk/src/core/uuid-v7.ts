/**
 * Makes UUIDs of version 7: the time of the call in the first 48 bits, then a counter that keeps the ids of one source in
 * the order in which they were made, also within a millisecond and when the clock is set back; the rest is random.
 */
export function createUuidV7Source(now: () => number): () => string {
  let lastMs = 0;
  let counter = 0;
  return () => {
    const [a, b, c] = crypto.getRandomValues(new Uint32Array(3)) as unknown as [number, number, number];
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      // Room for three thousand ids more in this millisecond, even from the highest start.
      counter = c >>> 22;
    } else if (++counter > 0xfff) {
      lastMs++;
      counter = 0;
    }
    const hex = [
      hexOf(lastMs, 12),
      hexOf(0x7000 + counter, 4),
      hexOf(0x80000000 + (a >>> 2), 8),
      hexOf(b, 8),
    ];
    return hex.join('').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };
}

function hexOf(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
