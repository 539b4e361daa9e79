import type { MeasuredQuestion } from './measured-questions.js';
import type { BenchInstance } from './open-instance.js';

/** Whether the API may answer from memory. */
export type CacheUse = 'use' | 'refresh';

/** Asks all requests of a question, one after the other. @throws Error for any answer but 200. */
export async function askApi(
  { requests }: MeasuredQuestion,
  { apiUrl, readKey }: BenchInstance,
  cache: CacheUse,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const request of requests) {
    const isQuery = 'query' in request;
    const response = await fetch(`${apiUrl}${isQuery ? '/v1/query' : request.path}`, {
      method: isQuery ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${readKey}`,
        ...(isQuery ? { 'content-type': 'application/json' } : {}),
      },
      ...(isQuery ? { body: JSON.stringify({ ...request.query, cache }) } : {}),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`The API answered ${response.status}: ${text}`);
    answers.push(JSON.parse(text));
  }
  return answers;
}
