import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import { CHURN_ORDERS, type ChurnOrder, type ScorePosition } from '../questions/churn.js';

/** Where the next page begins: in which run, in which order of which horizon, and behind whom. */
export interface ScoreCursor extends ScorePosition {
  runId: number;
  horizon: number;
  order: ChurnOrder;
}

const cursorSchema = z
  .tuple([
    z.int().positive(),
    z.int(),
    z.enum(CHURN_ORDERS),
    z.number(),
    z
      .string()
      .regex(/^\d{1,20}$/)
      .refine((text) => BigInt(text) < 2n ** 64n),
  ])
  .transform(([runId, horizon, order, rank, person]): ScoreCursor => ({
    runId,
    horizon,
    order,
    rank,
    person,
  }));

export function formatScoreCursor({ runId, horizon, order, rank, person }: ScoreCursor): string {
  return Buffer.from(JSON.stringify([runId, horizon, order, rank, person])).toString('base64url');
}

/** @throws SluiceError invalid_request when the text is no cursor of a list of scores, or of another horizon or order. */
export function parseScoreCursor(
  cursor: string,
  { horizon, order }: Pick<ScoreCursor, 'horizon' | 'order'>,
): ScoreCursor {
  const parsed = parse(cursor);
  if (parsed.horizon === horizon && parsed.order === order) return parsed;
  throw new SluiceError('invalid_request', {
    message: `This is a cursor of a list of ${parsed.horizon} days by ${parsed.order}: horizon and order must stay the same from page to page.`,
    field: '/cursor',
  });
}

function parse(cursor: string): ScoreCursor {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch (error) {
    throw new SluiceError('invalid_request', {
      message: 'This is no cursor of a page before.',
      field: '/cursor',
      cause: error,
    });
  }
}
