import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRefusedData } from './failures.js';
import { findRefused } from './refused-messages.js';

class Refused extends Error {}
const isRefusal = (error: unknown): boolean => error instanceof Refused;

describe('findRefused', () => {
  it('finds exactly the messages that are refused, with few attempts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400 }),
        fc.array(fc.nat(399), { maxLength: 4 }),
        async (size, drawn) => {
          const poisoned = new Set(drawn.filter((index) => index < size));
          const messages = Array.from({ length: size }, (_, index) => index);
          let attempts = 0;
          const refused = await findRefused(
            messages,
            (part) => {
              attempts += 1;
              const bad = part.find((index) => poisoned.has(index));
              return bad === undefined ? Promise.resolve() : Promise.reject(new Refused(String(bad)));
            },
            isRefusal,
          );
          expect(refused.map(({ message }) => message)).toEqual([...poisoned].sort((a, b) => a - b));
          expect(attempts).toBeLessThanOrEqual(1 + poisoned.size * 2 * Math.ceil(Math.log2(size + 1)));
        },
      ),
    );
  });

  it('takes the later one of two that are refused only together', async () => {
    const together = (part: readonly number[]): Promise<void> =>
      part.includes(2) && part.includes(7) ? Promise.reject(new Refused('both')) : Promise.resolve();
    const refused = await findRefused([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], together, isRefusal);
    expect(refused.map(({ message }) => message)).toEqual([7]);
  });

  it('passes every other error on', async () => {
    const broken = findRefused([1, 2], () => Promise.reject(new Error('connection lost')), isRefusal);
    await expect(broken).rejects.toThrow('connection lost');
  });
});

describe('isRefusedData', () => {
  const withCode = (code?: string): Error => Object.assign(new Error('x'), { code });

  it.each(['22021', '22P05', '22003', '23514', '54000'])('holds %s against the data', (code) => {
    expect(isRefusedData(withCode(code))).toBe(true);
  });

  it.each(['08006', '40001', '40P01', '53100', '57P01', '42P01', '23505', 'ECONNRESET', undefined])(
    'holds %s against the circumstances',
    (code) => {
      expect(isRefusedData(withCode(code))).toBe(false);
    },
  );
});
