/** What differs between two answers to one question for other reasons than what is asked about. */
const UNSTEADY: ReadonlySet<string> = new Set([
  'statistics',
  'complete_through',
  'complete',
  'instance',
  'now',
  'start',
  'end',
  'from',
  'to',
  'learned_from',
  'created_at',
  'updated_at',
  'elapsed_ms',
  'next_cursor',
  'version',
]);

/** An answer without what is unsteady, and with the text of the attempt taken out wherever it is repeated. */
export function plainAnswer(answer: unknown, text: string): unknown {
  if (typeof answer === 'string') return answer.includes(text) ? answer.replaceAll(text, '…') : answer;
  if (Array.isArray(answer)) return answer.map((item) => plainAnswer(item, text));
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([key]) => !UNSTEADY.has(key))
      .map(([key, value]) => [plainAnswer(key, text), plainAnswer(value, text)]),
  );
}
