import {
  annotationInputSchema,
  annotationListSchema,
  annotationSchema,
  problemSchema,
  SluiceError,
  type Annotation,
} from '@sluice/contracts';
import { z } from 'zod';
import { notedBy } from '../access/noted-by.js';
import type { ApiContext, ApiScope } from '../api-context.js';
import {
  addAnnotation,
  askAnnotation,
  askAnnotations,
  deleteAnnotation,
  type AnnotationRow,
} from '../questions/annotations.js';
import { instantParameter } from './parameters.js';

const MAX_ANNOTATIONS = 1_000;
const faults = { '4xx': problemSchema, '5xx': problemSchema };

/** `/v1/annotations`: what happened when. */
export function registerAnnotations(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres } = context;

  app.get(
    '/v1/annotations',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List annotations, by their time',
        querystring: z.strictObject({
          from: instantParameter.optional(),
          to: instantParameter.optional().describe('End; not included.'),
        }),
        response: { 200: annotationListSchema, ...faults },
      },
    },
    async (request) => {
      const { from = null, to = null } = request.query;
      const { rows } = await runPostgres(
        askAnnotations(request.owner.project.projectId, { from, to, limit: MAX_ANNOTATIONS }),
      );
      return { annotations: rows.map(annotationOf) };
    },
  );

  app.post(
    '/v1/annotations',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Note what happened',
        body: annotationInputSchema,
        response: { 201: annotationSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { rows } = await changePostgres(
        addAnnotation(request.owner.project.projectId, request.body),
        notedBy(request, 'annotation.add', (added) => String(added[0]?.['annotation_id'])),
      );
      return reply.status(201).send(annotationOf(rows[0]!));
    },
  );

  app.delete(
    '/v1/annotations/:id',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Delete an annotation',
        params: z.strictObject({ id: z.string().regex(/^\d{1,15}$/, 'must be a number') }),
        response: { 200: annotationSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const id = Number(request.params.id);
      const { rows } = await changePostgres(
        deleteAnnotation(projectId, id),
        notedBy(request, 'annotation.delete', String(id), askAnnotation(projectId, id)),
      );
      if (rows[0] === undefined) throw new SluiceError('annotation_not_found', { field: '/id' });
      return annotationOf(rows[0]);
    },
  );
}

function annotationOf(row: AnnotationRow): Annotation {
  return { ...row, at: row.at.toISOString(), created_at: row.created_at.toISOString() };
}
