/** What an invisible comment before a block of code says about how it is checked. */
export type Annotation =
  /** It is not run, for a reason. What it names is checked all the same. */
  | { kind: 'skip'; reason: string }
  /** A script: it is run, not only checked for types. */
  | { kind: 'run'; where: 'node' | 'browser' }
  /** SQL: the store that it is for. */
  | { kind: 'sql'; store: 'postgres' | 'clickhouse' };

/**
 * Reads `<!-- check: skip because REASON -->`, `<!-- check: run in node -->`, `<!-- check: run in browser -->`,
 * `<!-- check: on postgres -->` or `<!-- check: on clickhouse -->`; undefined for any other HTML.
 * @throws Error when a comment begins like one of ours and is none.
 */
export function readAnnotation(html: string, where: string): Annotation | undefined {
  const text = /^<!--\s*check:\s*([\s\S]*?)\s*-->\s*$/.exec(html.trim())?.[1];
  if (text === undefined) return undefined;
  const reason = /^skip because ([\s\S]{10,})$/.exec(text)?.[1];
  if (reason !== undefined) return { kind: 'skip', reason: reason.replaceAll(/\s+/g, ' ') };
  const place = /^run in (node|browser)$/.exec(text)?.[1];
  if (place !== undefined) return { kind: 'run', where: place as 'node' | 'browser' };
  const store = /^on (postgres|clickhouse)$/.exec(text)?.[1];
  if (store !== undefined) return { kind: 'sql', store: store as 'postgres' | 'clickhouse' };
  throw new Error(
    `${where}: \`check: ${text}\` is none of skip because REASON, run in node, run in browser, on postgres, on clickhouse.`,
  );
}
