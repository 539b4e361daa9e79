import { constants, PerformanceObserver, type NodeGCPerformanceDetail } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { createChunkRelease } from './release-chunks.js';

const CHUNK_BYTES = 40_000;
const CHUNKS = 25_000;

/** Takes chunks in as a server does, some at a time, and counts how often the whole heap was marked meanwhile. */
async function countMarkings(onChunk: (bytes: number) => void): Promise<number> {
  let markings = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as { detail: NodeGCPerformanceDetail }[]) {
      if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) markings++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const held: Buffer[] = [];
  for (let n = 0; n < CHUNKS; n++) {
    held.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
    if (held.length > 32) held.shift();
    onChunk(CHUNK_BYTES);
    if (n % 32 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
  observer.disconnect();
  return markings;
}

describe('releasing chunks', () => {
  it('keeps the engine from marking the whole heap for their sake', async () => {
    const without = await countMarkings(() => undefined);
    const release = createChunkRelease();
    const withRelease = await countMarkings(release);
    expect(without).toBeGreaterThan(1);
    expect(withRelease).toBeLessThan(without);
  });
});
