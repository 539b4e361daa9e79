import { problemSchema, receiptSchema, watermarkSchema } from '@sluice/contracts';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { readWatermark } from '../freshness/wait-for.js';
import { findReceipt } from '../receipts/find-receipt.js';
import { instantParameter, textParameter } from './parameters.js';

/** `GET /v1/receipts/:messageId`: what became of a message. */
export function registerReceipts(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/receipts/:messageId',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show what became of a message',
        params: z.object({
          messageId: textParameter,
        }),
        querystring: z.strictObject({
          timestamp: instantParameter
            .optional()
            .describe("The message's own timestamp as it was sent: finds it faster."),
          watermark: watermarkSchema
            .optional()
            .describe("The watermark of the gateway's answer: tells `accepted` from unknown."),
        }),
        response: { 200: receiptSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const { timestamp, watermark } = request.query;
      const timestampMs = timestamp === undefined ? undefined : Date.parse(timestamp);
      return findReceipt(
        {
          projectId: request.owner.project.projectId,
          messageId: request.params.messageId,
          timestampMs: timestampMs === undefined || timestampMs < 0 ? undefined : timestampMs,
          watermark:
            watermark === undefined ? undefined : await readWatermark(watermark, context.log, '/watermark'),
          signal: disconnectSignal(reply),
        },
        context,
      );
    },
  );
}
