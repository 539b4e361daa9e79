import { describe, expect, it } from 'vitest';
import { checkPosition, LogMismatchError } from './position.js';

const at = { logId: 'log-1', partition: 3, position: 100, start: 0, end: 200 };

describe('checkPosition', () => {
  it('takes every position from the start of the log to its end', () => {
    for (const position of [0, 100, 200]) expect(() => checkPosition({ ...at, position })).not.toThrow();
  });

  it('refuses a log that ends before what was landed, with the numbers and what to do', () => {
    const check = (): void => checkPosition({ ...at, position: 205 });
    expect(check).toThrow(LogMismatchError);
    expect(check).toThrow(
      /Partition 3 of log log-1 ends at offset 200.*up to 205: 5 records.*set next_offset .* to 200/s,
    );
  });

  it('refuses a log that has dropped what was not landed, with the numbers and what to do', () => {
    const check = (): void => checkPosition({ ...at, start: 130 });
    expect(check).toThrow(
      /starts at offset 130.*only up to 100: the 30 offsets between.*set next_offset .* to 130/s,
    );
  });
});
