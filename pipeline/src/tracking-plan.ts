import type { CheckPlan } from './enrich/enrich.js';

export const checkPlan: CheckPlan = () => [];
