import { z } from 'zod';

/** Text of a client, as the stores can take it: Postgres has no NUL. */
export const textParameter = z
  .string()
  .min(1)
  .max(1_024)
  .refine((value) => !value.includes('\0'), 'must not hold NUL');

export const instantParameter = z.iso.datetime({ offset: true });

const limit = z.coerce.number().int().min(1).max(200).default(50);

export const pageParameters = {
  limit,
  cursor: z.string().max(256).optional().describe('`next_cursor` of the page before.'),
};
