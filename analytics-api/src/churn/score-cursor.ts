import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import type { ScorePosition } from '../questions/churn.js';

/** Where the next page begins: in which run, and behind whom. */
export interface ScoreCursor extends ScorePosition {
  runId: number;
}

const cursorSchema = z
  .tuple([
    z.int().positive(),
    z.number(),
    z
      .string()
      .regex(/^\d{1,20}$/)
      .refine((text) => BigInt(text) < 2n ** 64n),
  ])
  .transform(([runId, rank, person]): ScoreCursor => ({ runId, rank, person }));

export function formatScoreCursor({ runId, rank, person }: ScoreCursor): string {
  return Buffer.from(JSON.stringify([runId, rank, person])).toString('base64url');
}

/** @throws SluiceError invalid_request when the text is no cursor of a list of scores. */
export function parseScoreCursor(cursor: string): ScoreCursor {
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
