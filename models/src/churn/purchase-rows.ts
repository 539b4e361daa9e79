/**
 * What the models of buying know of people: how often each came back, when last, and how long each has been there; equal rows
 * once, with their number. Times are in one unit, counted from the person's first activity.
 */
export interface PurchaseRows {
  /** Different rows. */
  readonly length: number;
  /** x: active days after the first; an index into `levels`. */
  readonly level: Int32Array;
  readonly levels: Float64Array;
  /** t_x: the last active day. */
  readonly lastAt: Float64Array;
  /** T: until when the person was watched. */
  readonly age: Float64Array;
  /** People with exactly this row. */
  readonly count: Float64Array;
  readonly people: number;
}

export interface PurchaseRowsBuilder {
  /** @param count people with this row. Default 1 */
  add(repeats: number, lastAt: number, age: number, count?: number): void;
  build(): PurchaseRows;
}

/** Groups equal rows as they come, in a table of open addressing: a million people cost some tens of bytes a different row. */
export function createPurchaseRows(): PurchaseRowsBuilder {
  let slots = 1 << 12;
  let length = 0;
  let people = 0;
  let slotOf = new Int32Array(slots).fill(-1);
  let columns = allocate(slots / 2);

  function find(repeats: number, lastAt: number, age: number): number {
    let slot = hashOf(repeats, lastAt, age) & (slots - 1);
    for (;;) {
      const row = slotOf[slot]!;
      if (row < 0) return -1 - slot;
      if (columns.x[row] === repeats && columns.lastAt[row] === lastAt && columns.age[row] === age)
        return row;
      slot = (slot + 1) & (slots - 1);
    }
  }

  function grow(): void {
    slots *= 2;
    const grown = allocate(slots / 2);
    for (const name of ['x', 'lastAt', 'age', 'count'] as const) grown[name].set(columns[name]);
    columns = grown;
    slotOf = new Int32Array(slots).fill(-1);
    for (let row = 0; row < length; row += 1) {
      const free = find(columns.x[row]!, columns.lastAt[row]!, columns.age[row]!);
      slotOf[-1 - free] = row;
    }
  }

  return {
    add(repeats, lastAt, age, count = 1) {
      if (length === slots / 2) grow();
      people += count;
      const found = find(repeats, lastAt, age);
      if (found >= 0) {
        columns.count[found]! += count;
        return;
      }
      slotOf[-1 - found] = length;
      columns.x[length] = repeats;
      columns.lastAt[length] = lastAt;
      columns.age[length] = age;
      columns.count[length] = count;
      length += 1;
    },
    build() {
      const x = columns.x.slice(0, length);
      const levels = Float64Array.from(new Set(x)).sort();
      const indexOf = new Map<number, number>();
      levels.forEach((value, index) => indexOf.set(value, index));
      return {
        length,
        level: Int32Array.from(x, (value) => indexOf.get(value)!),
        levels,
        lastAt: columns.lastAt.slice(0, length),
        age: columns.age.slice(0, length),
        count: columns.count.slice(0, length),
        people,
      };
    },
  };
}

function allocate(rows: number) {
  return {
    x: new Float64Array(rows),
    lastAt: new Float64Array(rows),
    age: new Float64Array(rows),
    count: new Float64Array(rows),
  };
}

const bits = new DataView(new ArrayBuffer(24));

function hashOf(repeats: number, lastAt: number, age: number): number {
  bits.setFloat64(0, repeats);
  bits.setFloat64(8, lastAt);
  bits.setFloat64(16, age);
  let hash = 0;
  for (let at = 0; at < 24; at += 4) {
    hash = Math.imul(hash ^ bits.getInt32(at), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
