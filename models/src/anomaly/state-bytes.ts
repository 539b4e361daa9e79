/** A saved state that cannot be continued from: of another version, of another series' form, or damaged. */
export class UnusableStateError extends Error {
  readonly code = 'unusable_state';

  constructor(message: string) {
    super(message);
    this.name = 'UnusableStateError';
  }
}

/** Writes a state as little-endian bytes. What is read back in the same order has the same bits. */
export class StateWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  number(value: number): this {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
    return this;
  }

  numbers(values: Float64Array): this {
    this.number(values.length);
    for (const value of values) this.number(value);
    return this;
  }

  /** Single precision: for arrays that are kept in single precision. */
  singles(values: Float32Array): this {
    this.number(values.length);
    this.#reserve(4 * values.length);
    for (const value of values) {
      this.#view.setFloat32(this.#length, value, true);
      this.#length += 4;
    }
    return this;
  }

  bytes(values: Uint8Array): this {
    this.number(values.length);
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  text(value: string): this {
    return this.bytes(new TextEncoder().encode(value));
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Reads what {@link StateWriter} wrote. Bytes that end early or late throw {@link UnusableStateError}. */
export class StateReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  number(): number {
    const at = this.#take(8);
    return this.#view.getFloat64(at, true);
  }

  /** Into an array of the same length: the form of a state does not depend on its bytes. */
  numbersInto(values: Float64Array): void {
    this.#sameLength(values.length);
    for (let i = 0; i < values.length; i++) values[i] = this.number();
  }

  singlesInto(values: Float32Array): void {
    this.#sameLength(values.length);
    const at = this.#take(4 * values.length);
    for (let i = 0; i < values.length; i++) values[i] = this.#view.getFloat32(at + 4 * i, true);
  }

  bytes(): Uint8Array {
    const length = this.number();
    if (!Number.isInteger(length) || length < 0) throw new UnusableStateError('The state is damaged.');
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new UnusableStateError('The state is longer than expected.');
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) throw new UnusableStateError('The state ends early.');
    this.#at = at + count;
    return at;
  }

  #sameLength(length: number): void {
    if (this.number() !== length) throw new UnusableStateError('The state has another form.');
  }
}
