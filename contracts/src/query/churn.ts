import { z } from 'zod';

/** Days that churn is foretold for. */
export const CHURN_HORIZONS = [7, 30, 90] as const;
export type ChurnHorizon = (typeof CHURN_HORIZONS)[number];

export const churnHorizonSchema = z
  .union([z.literal(7), z.literal(30), z.literal(90)])
  .describe('Days after the last day that the scores know of.');

/** From which probability on a person is said to be at medium and at high risk. */
export const CHURN_BANDS = { medium: 0.3, high: 0.7 } as const;
export type ChurnBand = 'low' | 'medium' | 'high';

const probability = z.number().min(0).max(1).optional();

/** How likely a person is to do nothing for so many days. Who is not scored yet does not meet it. */
export const churnConditionSchema = z
  .strictObject({
    horizon: churnHorizonSchema.default(30),
    gt: probability,
    gte: probability,
    lt: probability,
    lte: probability,
  })
  .refine(
    ({ gt, gte, lt, lte }) => [gt, gte, lt, lte].some((bound) => bound !== undefined),
    'must hold gt, gte, lt or lte',
  );
export type ChurnCondition = z.infer<typeof churnConditionSchema>;
export type ChurnConditionInput = z.input<typeof churnConditionSchema>;
