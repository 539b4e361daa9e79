import { z } from 'zod';
import { ERRORS, type ErrorCode } from './errors.js';

const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]);

/** What became of one message that was not accepted. */
export const rejectionSchema = z.object({
  index: z.int().nonnegative().describe('Position of the message in the batch.'),
  messageId: z.string().nullable().describe("The message's own id, when it had a usable one."),
  code: errorCode,
  field: z.string().nullable().describe('JSON pointer into the message.'),
  message: z.string(),
});
export type Rejection = z.infer<typeof rejectionSchema>;

/** The gateway's answer to an accepted request: a verdict for every message. */
export const ingestAnswerSchema = z.object({
  success: z.boolean().describe('True when no message was rejected.'),
  accepted: z.int().nonnegative().describe('Messages that are durable and will be counted.'),
  rejected: z.array(rejectionSchema),
  durability: z
    .enum(['log', 'disk'])
    .describe('Where the accepted messages are durable: in the event log, or on the disk of the gateway.'),
  watermark: z
    .string()
    .nullable()
    .describe('Point in the log after these messages, for `wait_for`; null while they are on disk.'),
  warnings: z
    .array(rejectionSchema)
    .optional()
    .describe('Accepted messages that do not follow the tracking plan of a project that only warns.'),
});
export type IngestAnswer = z.infer<typeof ingestAnswerSchema>;

/** Body of every error answer: problem details (RFC 9457) plus what Segment's clients read (`code`, `message`, `error`). */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().optional().describe('Id of the request, as in the logs.'),
  code: errorCode,
  message: z.string(),
  error: z.string(),
  field: z.string().optional().describe('JSON pointer, or the name of a header or parameter.'),
  retryable: z.boolean(),
  issues: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;
