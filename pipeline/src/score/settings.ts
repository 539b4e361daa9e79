import { integerSetting } from '@sluice/service-kit';
import type { z } from 'zod';
import type { ChurnConfig } from '../pipeline.js';

/** What can be set of scoring from outside, wherever the pipeline runs. */
export const churnSettings = {
  CHURN_EVERY_DAYS: integerSetting(1).describe(
    'Local days between two scorings of people for churn; 0: only when it is asked for.',
  ),
  CHURN_RETRAIN_DAYS: integerSetting(7, { min: 1 }).describe(
    'Local days after which the model of churn is trained anew.',
  ),
};

export function churnConfigOf(settings: z.output<z.ZodObject<typeof churnSettings>>): ChurnConfig {
  return { everyDays: settings.CHURN_EVERY_DAYS, retrainDays: settings.CHURN_RETRAIN_DAYS };
}
