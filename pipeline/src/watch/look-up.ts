import type { WatchedSources } from '@sluice/analytics-api/watched';
import type pg from 'pg';
import { z } from 'zod';

/** Reads rows of Postgres, each checked against the form that the question gives. */
export function createLookUp(pool: pg.Pool): WatchedSources['lookUp'] {
  return async ({ sql, params, row }) => {
    const { rows } = await pool.query(sql, [...params]);
    return z.array(row).parse(rows);
  };
}
