/**
 * Memory that one batch hands on to the next. A batch fills megabytes outside the garbage collector's heap: allocated anew
 * for each, they would count as growth, and V8 would look through its whole heap twice a second.
 */
export interface BytePool {
  /** At least so many bytes, holding anything. */
  take(atLeast: number): Buffer<ArrayBuffer>;
  /** The caller must let go of these bytes, and of what shares them: the next one to take them writes over them. */
  giveBack(bytes: Buffer<ArrayBuffer>): void;
}

/** Free memory that is kept, in bytes: that of a few batches. */
const DEFAULT_MAX_FREE_BYTES = 64 * 1024 * 1024;
const SMALLEST = 1_024;

export function createBytePool(maxFreeBytes = DEFAULT_MAX_FREE_BYTES): BytePool {
  /** By size: powers of two. */
  const free = new Map<number, Buffer<ArrayBuffer>[]>();
  let freeBytes = 0;
  return {
    take(atLeast) {
      const size = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(Math.max(1, atLeast))));
      const bytes = free.get(size)?.pop();
      if (bytes === undefined) return Buffer.allocUnsafeSlow(size);
      freeBytes -= size;
      return bytes;
    },
    giveBack(bytes) {
      if (bytes.length === 0 || freeBytes + bytes.length > maxFreeBytes) return;
      freeBytes += bytes.length;
      const others = free.get(bytes.length);
      if (others === undefined) free.set(bytes.length, [bytes]);
      else others.push(bytes);
    },
  };
}

/** What is left of memory that was given back: to give it back twice, or to write to it, would spoil another's rows. */
export const NO_BYTES = Buffer.allocUnsafeSlow(0);

/** Memory for what is made once in a while: nothing of it is kept. */
export const NO_POOL: BytePool = createBytePool(0);
