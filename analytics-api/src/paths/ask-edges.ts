import type { PathsQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { QueryScope } from '../ask/query-scope.js';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { pathEdges } from './path-edges.js';
import { stepRows } from './path-steps.js';

const edgeRow = z.object({
  place: z.int(),
  source: z.string(),
  target: z.string(),
  paths: z.int(),
  users: z.int(),
  median_ms: z.number(),
  /** Over all edges, the same in each row. */
  all_edges: z.int(),
  all_paths: z.int(),
});
export type EdgeRow = z.infer<typeof edgeRow>;

/**
 * The largest edges. Paths are made of hashes; the names of these come from a second look at the steps. Every path has one
 * first edge, so those at place 0 count the paths.
 */
export function askEdges(query: PathsQuery, scope: QueryScope): ClickHouseQuestion<EdgeRow> {
  const { statement, sql } = pathEdges(query, scope);
  const names = `select sipHash64(name) as hash, any(name) as text from (${stepRows(query, { statement: () => ({ ...scope.statement(), statement }) }).sql}) group by hash`;
  return {
    name: `paths-${query.step}`,
    params: statement.params,
    row: edgeRow,
    sql: `
    with edges as (
      select place, source as source_hash, target as target_hash, count() as paths,
        uniqExactIf(person, person != 0) as users, quantileExactInclusive(0.5)(ms) as median_ms
      from (${sql})
      group by place, source_hash, target_hash
    ), names as (${names})
    select place, ifNull(source_names.text, '') as source, ifNull(target_names.text, '') as target, paths, users, median_ms,
      count() over () as all_edges, sumIf(paths, place = 0) over () as all_paths
    from edges
    left any join names as source_names on source_hash = source_names.hash
    left any join names as target_names on target_hash = target_names.hash
    order by paths desc, place, source, target
    limit ${statement.bind('UInt32', query.limit)}`,
  };
}
