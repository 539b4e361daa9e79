import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const listRow = z.object({
  dead_letter_id: z.int(),
  source: z.enum(['gateway', 'pipeline']),
  code: z.string(),
  message: z.string(),
  field: z.string().nullable(),
  message_id: z.string().nullable(),
  received_at: z.date().nullable(),
  created_at: z.date(),
  replayed_at: z.date().nullable(),
  log_id: z.string(),
  partition: z.int(),
  log_offset: z.int(),
  record_index: z.int(),
  size_bytes: z.int(),
});
export type DeadLetterRow = z.infer<typeof listRow>;

const COLUMNS = `dead_letter_id, source, code, message, field, message_id, received_at, created_at, replayed_at, log_id,
        "partition", log_offset, record_index, octet_length(bytes) as size_bytes`;

/** Dead letters of a project, newest first; null leaves a filter out. */
export function askDeadLetters(options: {
  projectId: number;
  source: 'gateway' | 'pipeline' | null;
  code: string | null;
  messageId: string | null;
  before: number | null;
  limit: number;
}): PostgresQuestion<DeadLetterRow> {
  return {
    name: 'dead-letters',
    sql: `
      select ${COLUMNS} from dead_letters
      where project_id = $1
        and ($2::text is null or source = $2) and ($3::text is null or code = $3)
        and ($4::text is null or message_id = $4) and ($5::bigint is null or dead_letter_id < $5)
      order by dead_letter_id desc limit $6`,
    params: [
      options.projectId,
      options.source,
      options.code,
      options.messageId,
      options.before,
      options.limit,
    ],
    row: listRow,
  };
}

const detailRow = listRow.extend({
  headers: z.record(z.string(), z.unknown()),
  bytes: z.instanceof(Uint8Array),
});

export function askDeadLetter(
  projectId: number,
  deadLetterId: number,
): PostgresQuestion<z.infer<typeof detailRow>> {
  return {
    name: 'dead-letter',
    sql: `select ${COLUMNS}, headers, bytes from dead_letters where project_id = $1 and dead_letter_id = $2`,
    params: [projectId, deadLetterId],
    row: detailRow,
  };
}
