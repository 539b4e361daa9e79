import { z } from 'zod';
import {
  eventTypeSchema,
  fieldShape,
  nameSchema,
  namesOneField,
  ONE_FIELD,
  textSchema,
  type EventType,
  type Field,
} from './fields.js';
import { churnConditionSchema, type ChurnCondition, type ChurnConditionInput } from './churn.js';
import { boundSchema } from './range.js';

const operandSchema = z.union([textSchema, z.number(), z.boolean()]);
export type Operand = z.infer<typeof operandSchema>;

const operands = z.array(operandSchema).min(1).max(200);
const texts = z.array(textSchema.min(1)).min(1).max(50);

/**
 * A condition on one field. `values` are alternatives. Text is compared exactly, except that `contains` and `not_contains`
 * ignore case; `matches` is a regular expression (RE2) that is looked for anywhere; a number is compared with numbers only;
 * `before` and `after` read the value as an instant. An event without the value meets `is_not`, `not_contains`,
 * `not_matches` and `is_not_set` only.
 */
export const conditionSchema = z.discriminatedUnion('operator', [
  z
    .strictObject({ ...fieldShape, operator: z.enum(['is', 'is_not']), values: operands })
    .refine(namesOneField, ONE_FIELD),
  z
    .strictObject({
      ...fieldShape,
      operator: z.enum(['contains', 'not_contains', 'starts_with', 'ends_with', 'matches', 'not_matches']),
      values: texts,
    })
    .refine(namesOneField, ONE_FIELD),
  z
    .strictObject({ ...fieldShape, operator: z.enum(['is_set', 'is_not_set']) })
    .refine(namesOneField, ONE_FIELD),
  z
    .strictObject({ ...fieldShape, operator: z.enum(['gt', 'gte', 'lt', 'lte']), value: z.number() })
    .refine(namesOneField, ONE_FIELD),
  z
    .strictObject({
      ...fieldShape,
      operator: z.literal('between'),
      values: z.tuple([z.number(), z.number()]).describe('Both ends included.'),
    })
    .refine(namesOneField, ONE_FIELD),
  z
    .strictObject({
      ...fieldShape,
      operator: z.enum(['before', 'after']),
      value: z.iso.datetime({ offset: true }),
    })
    .refine(namesOneField, ONE_FIELD),
]);
export type Condition = z.infer<typeof conditionSchema> & Field;

/** How often: `gte` 1 where nothing is said. */
const timesSchema = z
  .strictObject({
    gte: z.int().min(1).optional(),
    lte: z.int().min(0).optional(),
    eq: z.int().min(0).optional(),
  })
  .refine((value) => Object.keys(value).length > 0, 'must hold gte, lte or eq');
export type Times = z.infer<typeof timesSchema>;

/** When: the range of the question where nothing is said. */
const withinSchema = z.union([
  z.strictObject({
    last_days: z.int().min(1).max(3_650).describe('Whole local days before the end of the range.'),
  }),
  z.strictObject({ from: boundSchema, to: boundSchema }),
]);
export type Within = z.infer<typeof withinSchema>;

/** What a person has done. */
export interface Behaviour {
  event: string | null;
  type: EventType | null;
  filters: Filter[];
  times: Times;
  within?: Within | undefined;
}
interface BehaviourInput {
  event?: string | null | undefined;
  type?: EventType | null | undefined;
  filters?: FilterInput[] | undefined;
  times?: Times | undefined;
  within?: Within | undefined;
}

/**
 * Conditions, put together with `and`, `or` and `not`; behaviours, cohorts and churn are conditions on the person of the event.
 */
export type Filter =
  | Condition
  | { and: Filter[] }
  | { or: Filter[] }
  | { not: Filter }
  | { has_done: Behaviour }
  | { has_not_done: Behaviour }
  | { cohort: string }
  | { churn: ChurnCondition };
export type FilterInput =
  | z.input<typeof conditionSchema>
  | { and: FilterInput[] }
  | { or: FilterInput[] }
  | { not: FilterInput }
  | { has_done: BehaviourInput }
  | { has_not_done: BehaviourInput }
  | { cohort: string }
  | { churn: ChurnConditionInput };

export const filterSchema: z.ZodType<Filter, FilterInput> = z
  .lazy(() =>
    z.union([
      conditionSchema,
      z.strictObject({ and: z.array(filterSchema).min(1).max(50) }),
      z.strictObject({ or: z.array(filterSchema).min(1).max(50) }),
      z.strictObject({ not: filterSchema }),
      z.strictObject({ has_done: behaviourSchema }),
      z.strictObject({ has_not_done: behaviourSchema }),
      z.strictObject({ cohort: nameSchema.describe('Name of a saved cohort: its people, as of now.') }),
      z.strictObject({
        churn: churnConditionSchema.describe('What the newest scores say of the person, whatever the range.'),
      }),
    ]),
  )
  .meta({ id: 'Filter' });

const behaviourSchema: z.ZodType<Behaviour, BehaviourInput> = z.lazy(() =>
  z.strictObject({
    event: textSchema.min(1).nullable().default(null),
    type: eventTypeSchema.nullable().default(null),
    filters: z.array(filterSchema).max(20).default([]),
    times: timesSchema.default({ gte: 1 }),
    within: withinSchema.optional(),
  }),
);

/** All must hold. */
export const filtersSchema = z
  .array(filterSchema)
  .max(20)
  .default([])
  .describe('Conditions that must all hold.');

/** Depth of nested conditions at most, so that no question can exhaust the stack of what reads it. */
export const MAX_QUERY_DEPTH = 24;
