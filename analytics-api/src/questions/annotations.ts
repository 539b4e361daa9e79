import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({
  annotation_id: z.int(),
  at: z.date(),
  text: z.string(),
  created_at: z.date(),
});
export type AnnotationRow = z.infer<typeof row>;

const COLUMNS = 'annotation_id, at, text, created_at';

/** The newest annotations within a range, by their time; null leaves an end open. */
export function askAnnotations(
  projectId: number,
  range: { from: string | null; to: string | null; limit: number },
): PostgresQuestion<AnnotationRow> {
  return {
    name: 'annotations',
    sql: `
      select * from (
        select ${COLUMNS} from annotations
        where project_id = $1
          and at >= coalesce($2::timestamptz, '-infinity') and at < coalesce($3::timestamptz, 'infinity')
        order by at desc, annotation_id desc limit $4
      ) as newest
      order by at, annotation_id`,
    params: [projectId, range.from, range.to, range.limit],
    row,
  };
}

export function askAnnotation(projectId: number, annotationId: number): PostgresQuestion<AnnotationRow> {
  return {
    name: 'annotation',
    sql: `select ${COLUMNS} from annotations where project_id = $1 and annotation_id = $2`,
    params: [projectId, annotationId],
    row,
  };
}

export function addAnnotation(
  projectId: number,
  { at, text }: { at: string; text: string },
): PostgresQuestion<AnnotationRow> {
  return {
    name: 'add-annotation',
    sql: `insert into annotations (project_id, at, text) values ($1, $2, $3) returning ${COLUMNS}`,
    params: [projectId, at, text],
    row,
  };
}

/** Deletes an annotation; no row when there is none. */
export function deleteAnnotation(projectId: number, annotationId: number): PostgresQuestion<AnnotationRow> {
  return {
    name: 'delete-annotation',
    sql: `delete from annotations where project_id = $1 and annotation_id = $2 returning ${COLUMNS}`,
    params: [projectId, annotationId],
    row,
  };
}
