import { isStorableText, SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import { PLACES, type FoundPosition } from '../questions/find-users.js';

const text = z.string().refine(isStorableText);
const listed = z.tuple([text.min(1)]).transform(([userId]) => userId);
const found = z
  .tuple([
    z
      .int()
      .min(0)
      .max(PLACES - 1),
    text,
    text.min(1),
  ])
  .transform(([place, lowered, userId]): FoundPosition => ({ place, found: lowered, userId }));

/** Behind a person in the list of all. */
export function formatListCursor(userId: string): string {
  return format([userId]);
}

/** @throws SluiceError invalid_request when the text is not a cursor of the list of all. */
export function parseListCursor(cursor: string): string {
  return parse(cursor, listed);
}

/** Behind a person among those found. */
export function formatFoundCursor({ place, found: lowered, userId }: FoundPosition): string {
  return format([place, lowered, userId]);
}

/** @throws SluiceError invalid_request when the text is not a cursor of a search. */
export function parseFoundCursor(cursor: string): FoundPosition {
  return parse(cursor, found);
}

function format(parts: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function parse<Position>(cursor: string, schema: z.ZodType<Position>): Position {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch (error) {
    throw new SluiceError('invalid_request', {
      message: 'This is no cursor of a page before.',
      field: '/cursor',
      cause: error,
    });
  }
}
