/**
 * Hands out the arrays in which a detector keeps everything that it will need for the next point. Since there is no other
 * state, copying their bytes saves it, and copying them back continues it bit by bit.
 */
export interface StateMemory {
  doubles(length: number): Float64Array;
  singles(length: number): Float32Array;
  /** All arrays, in the order in which they were asked for, behind the given version. */
  save(version: number): Uint8Array;
  /**
   * @throws RangeError when the bytes were not saved by the same version of the same detector
   */
  restore(saved: Uint8Array, version: number): void;
}

const HEADER_BYTES = 8;

/** Bytes are little-endian, as in every machine that Node runs on: a state may move between machines. */
export function createStateMemory(): StateMemory {
  const arrays: (Float64Array | Float32Array)[] = [];
  const byteLength = (): number => arrays.reduce((sum, array) => sum + array.byteLength, HEADER_BYTES);
  return {
    doubles(length) {
      const array = new Float64Array(length);
      arrays.push(array);
      return array;
    },
    singles(length) {
      const array = new Float32Array(length);
      arrays.push(array);
      return array;
    },
    save(version) {
      const saved = new Uint8Array(byteLength());
      const header = new DataView(saved.buffer);
      header.setUint32(0, version, true);
      header.setUint32(4, saved.length, true);
      let offset = HEADER_BYTES;
      for (const array of arrays) {
        saved.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
        offset += array.byteLength;
      }
      return saved;
    },
    restore(saved, version) {
      const header = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
      if (
        saved.length !== byteLength() ||
        header.getUint32(0, true) !== version ||
        header.getUint32(4, true) !== saved.length
      ) {
        throw new RangeError('The state was not saved by this version of the detector with these options.');
      }
      let offset = HEADER_BYTES;
      for (const array of arrays) {
        new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(
          saved.subarray(offset, offset + array.byteLength),
        );
        offset += array.byteLength;
      }
    },
  };
}
