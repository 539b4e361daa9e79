/** What Grafana knows when it sends a query. */
export interface QueryContext {
  fromMs: number;
  toMs: number;
  /** Between two points of the answer, seconds. */
  intervalSeconds: number;
  /** Between two scrapes, as the data source of Prometheus says. */
  scrapeSeconds: number;
  /** Values of the dashboard's variables. */
  variables: Readonly<Record<string, string>>;
}

/**
 * A PromQL expression as Grafana sends it. `$__rate_interval` is an interval and a scrape, or four scrapes where that is more.
 * @throws Error when a variable has no value.
 */
export function promqlText(expression: string, context: QueryContext): string {
  const { fromMs, toMs, intervalSeconds, scrapeSeconds } = context;
  const rate = Math.max(intervalSeconds + scrapeSeconds, 4 * scrapeSeconds);
  return fillVariables(
    expression
      .replaceAll('$__rate_interval', `${rate}s`)
      .replaceAll('$__interval', `${intervalSeconds}s`)
      .replaceAll('$__range', `${Math.round((toMs - fromMs) / 1_000)}s`),
    context,
  );
}

/** A statement as Grafana's own Postgres source sends it. */
export function postgresText(sql: string, context: QueryContext): string {
  const from = new Date(context.fromMs).toISOString();
  const to = new Date(context.toMs).toISOString();
  return fillVariables(
    sql.replace(
      /\$__timeFilter\(([^()]+)\)/g,
      (_all, column: string) => `${column} BETWEEN '${from}' AND '${to}'`,
    ),
    context,
  );
}

/** A statement as the ClickHouse plug-in sends it. The argument of a macro may be a call itself. */
export function clickhouseText(sql: string, context: QueryContext): string {
  const from = Math.floor(context.fromMs / 1_000);
  const to = Math.floor(context.toMs / 1_000);
  const day = (seconds: number): string =>
    `toDate('${new Date(seconds * 1_000).toISOString().slice(0, 10)}')`;
  const argument = String.raw`\(((?:[^()]|\([^()]*\))+)\)`;
  return fillVariables(
    sql
      .replace(
        new RegExp(String.raw`\$__timeFilter${argument}`, 'g'),
        (_all, column: string) => `${column} >= toDateTime(${from}) AND ${column} <= toDateTime(${to})`,
      )
      .replace(
        new RegExp(String.raw`\$__dateFilter${argument}`, 'g'),
        (_all, column: string) => `${column} >= ${day(from)} AND ${column} <= ${day(to)}`,
      )
      .replaceAll('$__interval_s', String(Math.max(1, context.intervalSeconds))),
    context,
  );
}

/** Variables are written `${name:raw}`; the text of what is left must hold none, and no macro. */
export function fillVariables(text: string, { variables }: Pick<QueryContext, 'variables'>): string {
  const filled = text.replace(/\$\{(\w+)(?::raw)?\}/g, (all, name: string) => variables[name] ?? all);
  const left = /\$(?:__\w+|\{\w+[^}]*\})/.exec(filled);
  if (left !== null) throw new Error(`Nothing is known for ${left[0]} in: ${text}`);
  return filled;
}
