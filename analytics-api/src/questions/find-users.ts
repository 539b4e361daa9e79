import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';
import { LISTED_COLUMNS, listedRow } from './users.js';

const foundRow = listedRow.extend({ place: z.int(), found: z.string() });

/** Where one stands among those found: by which of their texts, that text in lower case, and their id. */
export interface FoundPosition {
  place: number;
  found: string;
  userId: string;
}

/** What people are found by, in the order of their places. The indexes are over exactly these expressions. */
const TEXTS = [
  { name: 'by_id', text: 'lower(user_id) collate "C"', exists: undefined },
  {
    name: 'by_email',
    text: `lower(left(traits ->> 'email', 256)) collate "C"`,
    exists: `traits ->> 'email' is not null`,
  },
  {
    name: 'by_name',
    text: `lower(left(traits ->> 'name', 256)) collate "C"`,
    exists: `traits ->> 'name' is not null`,
  },
] as const;
export const PLACES = TEXTS.length;

/**
 * People whose id, email or name begins with a text, whatever the case: first all those whose id does, then those whose
 * email does, then those whose name does; within each by that text. Everyone once, at the first place that is theirs.
 *
 * Each place is read in the order of its index, from the position on, and only for what the places before it left of the
 * page. So a page costs what it holds, however many people begin like that.
 */
export function askFoundUsers(
  projectId: number,
  { search, after, limit }: { search: string; after: FoundPosition | undefined; limit: number },
): PostgresQuestion<z.infer<typeof foundRow>> {
  const first = after?.place ?? 0;
  const places = TEXTS.slice(first);
  const parts = places.map(({ name, text, exists }, n) => {
    const conditions = [
      'project_id = $1',
      ...(exists === undefined ? [] : [exists]),
      `(${text}) like lower($2)`,
      ...(n === 0 && after !== undefined ? [`((${text}), user_id) > ($4, $5)`] : []),
      ...TEXTS.slice(0, first + n).map((before) => `((${before.text}) like lower($2)) is not true`),
    ];
    const taken = places.slice(0, n).map((before) => ` - (select count(*) from ${before.name})`);
    // The inner limit tells the planner how few rows are wanted; the outer one is known when the places before are read.
    return `${name} as materialized (
        select * from (
          select ${LISTED_COLUMNS}, ${first + n} as place, ${text} as found from users
          where ${conditions.join(' and ')}
          order by ${text}, user_id limit $3
        ) as page limit $3${taken.join('')}
      )`;
  });
  return {
    name: 'found-users',
    sql: `
      with ${parts.join(', ')}
      ${places.map(({ name }) => `select * from ${name}`).join(' union all ')}
      order by place, found, user_id`,
    params: [
      projectId,
      `${search.replaceAll(/[\\%_]/g, '\\$&')}%`,
      limit,
      ...(after === undefined ? [] : [after.found, after.userId]),
    ],
    row: foundRow,
  };
}
