import type { Query, QueryKind } from '@sluice/contracts';
import { funnel } from '../funnel/funnel.js';
import { lifecycle } from '../lifecycle/lifecycle.js';
import { liveNow } from '../live-now/live-now.js';
import { paths } from '../paths/paths.js';
import { retention } from '../retention/retention.js';
import { revenue } from '../revenue/revenue.js';
import { sessions } from '../sessions/sessions.js';
import { stickiness } from '../stickiness/stickiness.js';
import { trends } from '../trends/trends.js';
import type { QuestionKind } from './query-kind.js';

/** Every kind of question there is. */
const KINDS: { [K in QueryKind]: QuestionKind<K> } = {
  funnel,
  lifecycle,
  live: liveNow,
  paths,
  retention,
  revenue,
  sessions,
  stickiness,
  trends,
};

export function kindOf<K extends QueryKind>(query: Extract<Query, { kind: K }>): QuestionKind<K> {
  return KINDS[query.kind];
}
