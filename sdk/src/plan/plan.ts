import type { Analytics, EventMap } from '../core/types.js';
import type { InputOf, StandardSchema } from './standard-schema.js';

/**
 * A tracking plan: the name of each track event with the schema of its properties.
 *
 *     // plan.ts
 *     export const plan = {
 *       'Signed Up': z.object({ plan: z.enum(['free', 'pro']) }),
 *       'Searched': z.object({ query: z.string(), results: z.number().optional() }),
 *     };
 *
 *     // in a browser: types only, not a byte of it in the bundle
 *     import type { plan } from './plan';
 *     const analytics = createAnalytics<typeof plan>({ writeKey, host });
 *     analytics.track('Signed Up', { plan: 'pro' });
 */
export type Plan = Readonly<Record<string, StandardSchema>>;

/**
 * The properties of each event of a plan, as callers give them: what the schemas take, before any default or transform of
 * theirs. They travel as given.
 */
export type EventsOf<P extends Plan> = {
  [Name in keyof P & string]: Flat<InputOf<P[Name]>>;
};

/** An interface has no index signature and would not count as properties; the same members as a type do. */
type Flat<T> = { [Key in keyof T]: T[Key] };

/** Analytics that takes the events of the plan and no others; any event when there is no plan. */
export type PlannedAnalytics<P extends Plan> = Analytics<PlannedEvents<P>>;
/** The events of the plan; any when there is no plan. */
export type PlannedEvents<P extends Plan> = [P] extends [never] ? EventMap : EventsOf<P>;
