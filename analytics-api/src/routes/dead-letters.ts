import {
  deadLetterDetailSchema,
  deadLetterPageSchema,
  problemSchema,
  SluiceError,
  type DeadLetter,
} from '@sluice/contracts';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.js';
import { askDeadLetter, askDeadLetters, type DeadLetterRow } from '../questions/dead-letters.js';
import { pageParameters, textParameter } from './parameters.js';

const parameters = z.strictObject({
  source: z.enum(['gateway', 'pipeline']).optional(),
  code: textParameter.optional(),
  message_id: textParameter.optional(),
  limit: pageParameters.limit,
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'is malformed')
    .optional(),
});

/** `GET /v1/dead-letters` and one of them with its bytes. */
export function registerDeadLetters(app: ApiScope, context: ApiContext): void {
  const { runPostgres } = context;

  app.get(
    '/v1/dead-letters',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List messages that could not be accepted or stored, newest first',
        querystring: parameters,
        response: { 200: deadLetterPageSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request) => {
      const { source, code, message_id, limit, cursor } = request.query;
      const { rows } = await runPostgres(
        askDeadLetters({
          projectId: request.owner.project.projectId,
          source: source ?? null,
          code: code ?? null,
          messageId: message_id ?? null,
          before: cursor === undefined ? null : Number(cursor),
          limit: limit + 1,
        }),
      );
      const shown = rows.slice(0, limit);
      return {
        dead_letters: shown.map(deadLetterFrom),
        next_cursor: rows.length > limit ? String(shown.at(-1)!.dead_letter_id) : null,
      };
    },
  );

  app.get(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show a dead letter with its bytes',
        params: z.object({ id: z.string().regex(/^\d{1,15}$/, 'must be a number') }),
        response: { 200: deadLetterDetailSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request) => {
      const { rows } = await runPostgres(
        askDeadLetter(request.owner.project.projectId, Number(request.params.id)),
      );
      const row = rows[0];
      if (row === undefined) throw new SluiceError('not_found', { message: 'No such dead letter.' });
      return {
        ...deadLetterFrom(row),
        headers: row.headers,
        bytes_base64: Buffer.from(row.bytes).toString('base64'),
        bytes_utf8: readUtf8(row.bytes),
      };
    },
  );
}

function deadLetterFrom(row: DeadLetterRow): DeadLetter {
  return {
    dead_letter_id: row.dead_letter_id,
    source: row.source,
    code: row.code,
    message: row.message,
    field: row.field,
    message_id: row.message_id,
    received_at: row.received_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    replayed_at: row.replayed_at?.toISOString() ?? null,
    position: {
      log_id: row.log_id,
      partition: row.partition,
      offset: row.log_offset,
      record_index: row.record_index,
    },
    size_bytes: row.size_bytes,
  };
}

function readUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
