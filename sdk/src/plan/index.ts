export {
  checkPlan,
  findViolations,
  type PlanCheckOptions,
  type PlanMode,
  type PlanViolation,
} from './check-plan.js';
export type { EventsOf, Plan, PlannedAnalytics, PlannedEvents } from './plan.js';
export type { InputOf, StandardSchema } from './standard-schema.js';
