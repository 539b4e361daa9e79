import { SluiceError, type PathsAnswer, type PathsQuery, type Point } from '@sluice/contracts';
import { echoOf, type PeopleSql, type QuestionKind } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import { askEdges } from './ask-edges.js';
import { pathEdges } from './path-edges.js';

/** Which steps people take after which. */
export const paths: QuestionKind<'paths'> = {
  kind: 'paths',
  async answer(query, scope): Promise<PathsAnswer> {
    const rows = await scope.ask(askEdges(query, scope));
    // The largest come first: edges of too few paths are at the end.
    const shown = rows.filter((row) => row.paths >= query.min_paths);
    return {
      kind: 'paths',
      query: echoOf(query, scope),
      ...scope.frame({ definition: definitionOf(query), additive: false }),
      paths: rows[0]?.all_paths ?? 0,
      edges: shown.map(({ place, source, target, paths: count, users, median_ms }) => ({
        source: { step: place, name: source },
        target: { step: place + 1, name: target },
        paths: count,
        users,
        median_seconds: median_ms / 1_000,
      })),
      edges_left_out: (rows[0]?.all_edges ?? 0) - shown.length,
    };
  },
  people: peopleBehind,
};

function definitionOf(query: PathsQuery): string {
  const named = {
    page_path: 'paths of pages and screens',
    event: 'names of track events',
    page_or_event: 'paths of pages and screens, and names of track events',
  }[query.step];
  const scope =
    query.scope === 'session'
      ? 'Steps of one session are one path'
      : 'Steps of one person are one path until 30 minutes pass without one';
  const part =
    query.from_step === undefined && query.to_step !== undefined
      ? `its last ${query.max_steps} steps are looked at`
      : `its first ${query.max_steps} steps are looked at`;
  return `${scope}, in the order of time; steps are ${named}. Of each path ${part}; an edge is a step with the one after it. Paths of a single step have none and are not counted.`;
}

async function peopleBehind(
  query: PathsQuery,
  { source, target }: Point<'paths'>,
  scope: QueryScope,
): Promise<PeopleSql> {
  if (target.step !== source.step + 1) {
    throw new SluiceError('invalid_query', {
      message: 'An edge leads to the next step.',
      field: '/point/target/step',
    });
  }
  const { statement, sql } = pathEdges(query, scope);
  const conditions = [
    'person != 0',
    `place = ${statement.bind('UInt32', source.step)}`,
    `source = sipHash64(${statement.bind('String', source.name)})`,
    `target = sipHash64(${statement.bind('String', target.name)})`,
  ];
  return {
    sql: `select person from (${sql}) where ${conditions.join(' and ')} group by person`,
    params: statement.params,
  };
}
