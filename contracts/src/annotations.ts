import { z } from 'zod';
import { instantSchema } from './query/answer.js';
import { textSchema } from './query/fields.js';

/** What happened when: releases, campaigns, incidents. */
export const annotationInputSchema = z.strictObject({
  at: z.iso.datetime({ offset: true }),
  text: textSchema.min(1),
});
export type AnnotationInput = z.input<typeof annotationInputSchema>;

export const annotationSchema = z.object({
  annotation_id: z.int(),
  at: instantSchema,
  text: z.string(),
  created_at: instantSchema,
});
export type Annotation = z.infer<typeof annotationSchema>;

export const annotationListSchema = z.object({
  annotations: z.array(annotationSchema).describe('By their time; 1,000 at most, the newest ones.'),
});
export type AnnotationList = z.infer<typeof annotationListSchema>;
