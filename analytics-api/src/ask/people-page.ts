import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { joinPersonNames, PERSON_NAME } from '../sql/person-names.js';
import type { PeopleSql } from './query-kind.js';

const countRow = z.object({ total: z.int().nonnegative() });

export function askPeopleCount({ sql, params }: PeopleSql): ClickHouseQuestion<z.infer<typeof countRow>> {
  return { name: 'people-count', sql: `select count() as total from (${sql})`, params, row: countRow };
}

const personRow = z.object({
  /** The hash, as text: it has more digits than a number here holds. */
  person: z.string(),
  user_id: z.string(),
});

/** The next people by their hash, with the id that all merged ids of each stand for. */
export function askPeoplePage(
  { sql, params }: PeopleSql,
  { after, limit }: { after: string | undefined; limit: number },
): ClickHouseQuestion<z.infer<typeof personRow>> {
  return {
    name: 'people',
    params: { ...params, page_after: after ?? '0', page_limit: limit },
    row: personRow,
    sql: `
    with page as (
      select person as hash from (${sql})
      where person > {page_after:UInt64} order by person limit {page_limit:UInt32}
    )
    select toString(page.hash) as person,
      ${PERSON_NAME} as user_id
    from page ${joinPersonNames('hash')}
    order by page.hash`,
  };
}

export function readPeopleCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n) return text;
  throw new SluiceError('invalid_query', {
    message: 'This is no cursor of a page before.',
    field: '/cursor',
  });
}

export function writePeopleCursor(person: string): string {
  return Buffer.from(person, 'latin1').toString('base64url');
}
