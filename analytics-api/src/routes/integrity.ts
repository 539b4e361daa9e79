import { integritySchema, problemSchema, rangeShape } from '@sluice/contracts';
import { z } from 'zod';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { checkIntegrity } from '../integrity/check-integrity.js';

/** `GET /v1/integrity`: do the answers agree with each other, with what is stored and with the ledger? */
export function registerIntegrity(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/integrity',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Reconcile the answers of a range',
        querystring: z.strictObject(rangeShape),
        response: { 200: integritySchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => checkIntegrity(request.query, askerOf(request, reply), context),
  );
}
