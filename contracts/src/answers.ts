import { z } from 'zod';
import { userChurnSchema } from './churn.js';
import { completeThroughSchema } from './query/answer.js';

/** What `GET` and `POST /v1/…` of the analytics API answer. Instants are ISO 8601 in UTC. */

const instant = z.string().describe('ISO 8601, UTC.');
const json = z.record(z.string(), z.unknown());

export const eventItemSchema = z.object({
  event_id: z.string(),
  message_id: z.string(),
  type: z.string(),
  event: z.string(),
  timestamp: instant.describe("When it happened: the client's time, corrected by the client's own skew."),
  received_at: instant,
  anonymous_id: z.string().nullable(),
  user_id: z.string().nullable(),
  session_id: z.string().nullable(),
  enrichment: json.nullable().describe('What Sluice found out: browser, country, campaign …'),
  message: json.nullable().describe('The message as it came; null when the raw event is no longer kept.'),
});
export type EventItem = z.infer<typeof eventItemSchema>;

export const eventPageSchema = z.object({
  events: z.array(eventItemSchema).describe('Newest first.'),
  next_cursor: z.string().nullable().describe('For the next page; null when there are no older events.'),
  complete_through: completeThroughSchema,
});
export type EventPage = z.infer<typeof eventPageSchema>;

export const userAnswerSchema = z.object({
  user_id: z.string().describe('The id that all merged ids stand for.'),
  asked_for: z.string(),
  first_seen: instant,
  last_seen: instant,
  events: z.int().nonnegative(),
  counts: z.record(z.string(), z.number()).describe('Event name (track) or message type -> how many.'),
  revenue: z.record(z.string(), z.string()).describe('Currency -> sum, as a decimal number.'),
  traits: json,
  identities: z
    .array(z.object({ previous_id: z.string(), merged_at: instant }))
    .describe('Ids that were merged into this one, oldest merge first; 1,000 at most.'),
  churn: userChurnSchema,
});
export type UserAnswer = z.infer<typeof userAnswerSchema>;

export const timelinePageSchema = z.object({
  user_id: z.string(),
  ...eventPageSchema.shape,
});
export type TimelinePage = z.infer<typeof timelinePageSchema>;

export const deadLetterSchema = z.object({
  dead_letter_id: z.int(),
  source: z.enum(['gateway', 'pipeline']),
  code: z.string(),
  message: z.string(),
  field: z.string().nullable(),
  message_id: z.string().nullable(),
  received_at: instant.nullable(),
  created_at: instant,
  replayed_at: instant.nullable(),
  position: z.object({
    log_id: z.string(),
    partition: z.int(),
    offset: z.int(),
    record_index: z.int(),
  }),
  size_bytes: z.int().nonnegative(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

export const deadLetterPageSchema = z.object({
  dead_letters: z.array(deadLetterSchema).describe('Newest first.'),
  next_cursor: z.string().nullable(),
});

export const deadLetterDetailSchema = deadLetterSchema.extend({
  headers: z.record(z.string(), z.unknown()),
  bytes_base64: z.string(),
  bytes_utf8: z.string().nullable().describe('Null when the bytes are not UTF-8.'),
});
export type DeadLetterDetail = z.infer<typeof deadLetterDetailSchema>;

export const receiptSchema = z.object({
  message_id: z.string(),
  state: z
    .enum(['accepted', 'landed', 'rolled_up', 'dead_lettered'])
    .describe(
      '`accepted`: in the event log. `landed`: stored. `rolled_up`: part of every answer. `dead_lettered`: kept, not counted.',
    ),
  event_id: z.string().nullable(),
  received_at: instant.nullable(),
  timestamp: instant.nullable(),
  duplicates: z
    .int()
    .nonnegative()
    .describe('Further sends of this message, which were recognised and not counted.'),
  dead_letters: z.array(
    z.object({
      dead_letter_id: z.int(),
      source: z.enum(['gateway', 'pipeline']),
      code: z.string(),
      message: z.string(),
      field: z.string().nullable(),
      received_at: instant.nullable(),
      replayed_at: instant.nullable(),
    }),
  ),
});
export type Receipt = z.infer<typeof receiptSchema>;

const count = z.int().nonnegative();

export const auditMinuteSchema = z.object({
  minute: instant.describe('Minute of receipt.'),
  logged: count.describe('Accepted messages, as the records of the event log say.'),
  landed: count,
  duplicates: count,
  dead_lettered: count,
  rejected: count.describe('Messages the gateway refused; not part of `logged`.'),
  erased: count.describe(
    'Messages deleted since, or left out while landing: of people who were erased, or older than the project keeps.',
  ),
  raw_rows: count.describe('Rows in Postgres.'),
  pending_rows: count.describe('Of these, rows on their way to ClickHouse.'),
  columnar_rows: count.describe('Rows in ClickHouse.'),
  difference: z.object({
    ledger: z.int().describe('logged - landed - duplicates - dead_lettered - erased.'),
    raw: z.int().describe('raw_rows - landed.'),
    columnar: z.int().describe('How far columnar_rows lies outside of what it can be; 0 when it is right.'),
  }),
  balanced: z.boolean(),
});
export type AuditMinute = z.infer<typeof auditMinuteSchema>;

const streamCounts = {
  sent: count.describe('The highest number that its messages carry: they are numbered from 1.'),
  landed: count.describe('Different messages of it that are stored.'),
  refused: count.describe('Messages of it that became dead letters.'),
  dropped: count.describe(
    'Messages that the device says it gave up: its outbox was full, consent was withdrawn …',
  ),
  missing: count.describe(
    'sent - landed - refused - dropped: lost on the way, or still in the outbox of the device. A call repeated under an id of its own choosing is one event and two numbers, so it shows here, too.',
  ),
};
export const deviceGapsSchema = z
  .object({
    streams: count,
    ...streamCounts,
    gaps: z
      .array(
        z.object({
          stream: z.string(),
          device_id: z.string().describe('The device that was last seen to use it.'),
          ...streamCounts,
          last_received_at: instant,
        }),
      )
      .describe('The 100 streams with the most missing.'),
  })
  .describe(
    'What devices with the Sluice SDK say they sent. A stream is one page load or one process; here are those last heard of in the range. No part of `balanced`.',
  );
export type DeviceGaps = z.infer<typeof deviceGapsSchema>;

const side = z.object({ what: z.string(), values: z.array(z.number()) });
export const integritySchema = z.object({
  from: instant,
  to: instant,
  timezone: z.string(),
  complete_through: completeThroughSchema,
  ok: z.boolean().describe('True when every check is `equal`.'),
  checks: z.array(
    z.object({
      name: z.string(),
      rule: z.string().describe('Why both sides must be equal.'),
      verdict: z
        .enum(['equal', 'different', 'unsettled'])
        .describe('`unsettled`: events kept arriving while it was looked at, so nothing can be said.'),
      left: side,
      right: side,
      attempts: z.int(),
    }),
  ),
});
export type Integrity = z.infer<typeof integritySchema>;

export const auditSchema = z.object({
  balanced: z.boolean().describe('True when every difference is zero.'),
  from: instant,
  to: instant,
  totals: auditMinuteSchema.omit({ minute: true }).describe('Sums over the range.'),
  rollups: z
    .object({
      expected_at_least: count,
      expected_at_most: count,
      events: count,
      receipts_1m: count,
      counts_15m: count,
      user_days: count,
      active_days: count,
      balanced: z.boolean(),
    })
    .describe("All events of the project, whatever the range: each table's count."),
  in_flight: z
    .array(
      z.object({
        partition: z.int().nonnegative(),
        landed_to: z.int().nonnegative(),
        log_end: z.int().nonnegative(),
        records: z.int().nonnegative().describe('Records that are in the log and not landed, at most.'),
      }),
    )
    .describe('All projects together.'),
  devices: deviceGapsSchema,
  unbalanced_minutes: z.array(auditMinuteSchema).describe('The first 100.'),
  minutes: z.array(auditMinuteSchema).optional().describe('With `minutes=true`.'),
});
export type Audit = z.infer<typeof auditSchema>;

export const statusSchema = z.object({
  complete_through: completeThroughSchema,
  lag_seconds: z.number().nonnegative().nullable().describe('Age of complete_through.'),
  landed_through: instant.nullable().describe('Every event accepted before this instant is stored.'),
  pending_batches: z.int().nonnegative().describe('Stored batches that are not part of answers yet.'),
  pending_rows: z.int().nonnegative(),
  spooled_messages: z.int().nonnegative().describe('Messages that gateways hold on their disks.'),
  in_flight_records: z.int().nonnegative().describe('Log records that are not stored yet, at most.'),
  generation: z.int().nullable().describe('The generation of the rollups that answers are read from.'),
});
export type Status = z.infer<typeof statusSchema>;
