import { funnelQuerySchema } from '@sluice/contracts';
import { describe, expect, it } from 'vitest';
import { knotsOf, layoutOf } from './positions.js';

const selector = (event: string | null, type: 'page' | 'track' | null = null) => ({
  event,
  type,
  filters: [],
});
const RANGE = { fromMs: 0, toMs: 60 * 86_400_000 };

describe('knotsOf', () => {
  it('keeps steps apart that no event can do both', () => {
    expect(knotsOf([selector('a'), selector('b'), selector('c')])).toEqual([[[1]], [[2]], [[3]]]);
  });

  it('ties together what one event can do, over others, and equal steps more closely', () => {
    expect(knotsOf([selector('a'), selector('b'), selector(null), selector('a')])).toEqual([
      [[1, 4], [2], [3]],
    ]);
    expect(knotsOf([selector('a', 'page'), selector(null, 'track')])).toEqual([[[1]], [[2]]]);
  });

  it('refuses more than four different steps that hang together', () => {
    const steps = ['a', 'b', 'c', 'd'].map((event) => selector(event));
    expect(() => knotsOf([...steps, selector(null)])).toThrow(
      expect.objectContaining({ code: 'invalid_query', field: '/steps/4' }),
    );
  });
});

describe('layoutOf', () => {
  const layout = (query: Record<string, unknown>, range = RANGE) =>
    layoutOf(funnelQuerySchema.parse({ kind: 'funnel', ...query }), range, true);

  it('needs one bit for each step where no event can do several', () => {
    expect(layout({ steps: [{ event: 'a' }, { event: 'b' }] })).toMatchObject({
      canOverlap: false,
      hasFirstStep: false,
      twinBits: 0,
    });
  });

  it('never needs more bits than a number has', () => {
    const steps = Array.from({ length: 12 }, () => ({}));
    const exclusions = Array.from({ length: 5 }, () => ({ event: 'x', before_step: 1 }));
    const century = { fromMs: 0, toMs: Date.UTC(2100, 0, 1) };
    const { codeBits } = layout({ steps, exclusions }, century);
    expect(codeBits + Math.ceil(Math.log2(century.toMs + 1))).toBeLessThanOrEqual(63);
  });
});
