import { checkPlan as findViolations } from '@sluice/contracts';
import type { CheckPlan } from './enrich/enrich.js';

/** What the message does outside the project's tracking plan or the built-in one. */
export const checkPlan: CheckPlan = (message, project) =>
  findViolations(project.trackingPlan, message).map(({ field = '', message: text }) => ({
    field,
    message: text,
  }));
