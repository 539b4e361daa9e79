import type { EstimateAnswer, EventItem, FunnelAnswer, PeopleAnswer, TrendsAnswer } from '@sluice/contracts';
import { describe, expectTypeOf, it } from 'vitest';
import type { QueryClient, SavedAnswer } from './index.js';

/** Only looked at by the compiler: nothing of this runs. */
async function calls(client: QueryClient, isDryRun: boolean) {
  return {
    trends: await client.query({ kind: 'trends', series: [{ event: 'buy', measure: 'unique_users' }] }),
    funnel: await client.query({ kind: 'funnel', steps: [{ event: 'view' }, { event: 'buy' }] }),
    estimate: await client.query({ kind: 'trends', dry_run: true }),
    noEstimate: await client.query({ kind: 'trends', dry_run: false }),
    either: await client.query({ kind: 'trends', dry_run: isDryRun }),
    people: await client.people({ query: { kind: 'trends' }, point: { series: 0 } }),
    peopleEstimate: await client.people({ query: { kind: 'trends', dry_run: true }, point: {} }),
    saved: await client.saved.answer('name', { country: ['NO'] }),
  };
}
type Answers = Awaited<ReturnType<typeof calls>>;

describe('the type of an answer', () => {
  it('follows from the kind of the question', () => {
    expectTypeOf<Answers['trends']>().toEqualTypeOf<TrendsAnswer>();
    expectTypeOf<Answers['funnel']>().toEqualTypeOf<FunnelAnswer>();
    expectTypeOf<Answers['saved']>().toEqualTypeOf<SavedAnswer>();
    expectTypeOf<SavedAnswer['kind']>().not.toEqualTypeOf<'estimate'>();
  });

  it('is an estimate where one is asked for, and either where that is not known', () => {
    expectTypeOf<Answers['estimate']>().toEqualTypeOf<EstimateAnswer>();
    expectTypeOf<Answers['noEstimate']>().toEqualTypeOf<TrendsAnswer>();
    expectTypeOf<Answers['either']>().toEqualTypeOf<TrendsAnswer | EstimateAnswer>();
    expectTypeOf<Answers['people']>().toEqualTypeOf<PeopleAnswer>();
    expectTypeOf<Answers['peopleEstimate']>().toEqualTypeOf<EstimateAnswer>();
  });

  it('of what comes in pages or streams is that of one item', () => {
    expectTypeOf<ReturnType<QueryClient['events']>>().toExtend<AsyncIterable<EventItem>>();
    expectTypeOf<ReturnType<QueryClient['live']>>().toExtend<AsyncIterable<EventItem>>();
  });

  it('lets no question pass that there is not', () => {
    const wrong = async (client: QueryClient) => {
      // @ts-expect-error There is no such kind.
      await client.query({ kind: 'nonsense' });
      // @ts-expect-error There is no such measure.
      await client.query({ kind: 'trends', series: [{ measure: 'mode' }] });
      // @ts-expect-error A funnel has steps.
      await client.query({ kind: 'funnel' });
    };
    expectTypeOf(wrong).returns.resolves.toBeVoid();
    expectTypeOf(calls).returns.resolves.toBeObject();
  });
});
