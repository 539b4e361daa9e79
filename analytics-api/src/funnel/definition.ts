import type { FunnelQuery } from '@sluice/contracts';

const ORDERS: Record<FunnelQuery['order'], string> = {
  ordered: 'the steps in their order, whatever else happens between them',
  strict: 'the steps in their order, with no other event of the person between them',
  unordered: 'the steps in any order; the k-th number counts who did k different steps',
};

/** What a funnel counts, in words. */
export function definitionOf(query: FunnelQuery): string {
  const sentences = [
    `People who did ${ORDERS[query.order]}, within ${query.window_seconds} seconds from the first on, both ends included, all within the range.`,
    'Each event does one step of an attempt; events of one instant are taken in the order of the steps they can do.',
    'Each person counts once, with the attempt that came furthest, and of these the first to come so far.',
  ];
  if (query.exclusions.length > 0) {
    sentences.push(
      query.exclusion_mode === 'leave'
        ? 'An attempt with an excluded event does not count: who has no other is in no step.'
        : 'An attempt with an excluded event counts up to the step before it.',
    );
  }
  if (query.breakdown !== undefined) {
    const { attribution } = query;
    sentences.push(
      typeof attribution === 'object'
        ? `Only people who reached step ${attribution.step} are counted, in the group of the event that did it (steps are counted from 0).`
        : `A person is in the group that the ${attribution} event of the attempt that has the value says.`,
    );
  }
  return sentences.join(' ');
}
