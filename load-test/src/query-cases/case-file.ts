import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/**
 * A file of cases: small sets of events, questions about them, and the numbers that were worked out by hand. Dates are local
 * ones in the zone of the case, both ends included; a time stands for the bucket it lies in.
 */
const eventSchema = z.tuple([z.string(), z.string(), z.string()]).rest(z.record(z.string(), z.unknown()));

export const datasetSchema = z.object({
  events: z
    .array(eventSchema)
    .describe('[distinct id, UTC instant, name, properties?], in order of arrival.'),
  identity: z.record(z.string(), z.string()).optional().describe('Id -> the user it turned out to be.'),
});
export type Dataset = z.infer<typeof datasetSchema>;

const checkSchema = z.object({
  dataset: z.string(),
  query: z.looseObject({ kind: z.string() }),
  expect: z.record(z.string(), z.unknown()),
});
export type CaseCheck = z.infer<typeof checkSchema>;

const caseSchema = z.object({
  id: z.string(),
  topic: z.string().default(''),
  timezone: z.string().default('UTC'),
  week_start: z.string().optional(),
  datasets: z.record(z.string(), datasetSchema),
  checks: z.array(checkSchema),
});
export type QueryCase = z.infer<typeof caseSchema>;

const fileSchema = z.object({ cases: z.array(caseSchema).min(1) });

/** @throws Error, with a text for people, when the file is no file of cases. */
export async function readCases(path: string): Promise<QueryCase[]> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} cannot be read as JSON: ${(error as Error).message}`, { cause: error });
  }
  const result = fileSchema.safeParse(document);
  if (result.success) return result.data.cases;
  const issue = result.error.issues[0]!;
  throw new Error(`${path} is no file of cases: ${issue.path.join('.')}: ${issue.message}`);
}
