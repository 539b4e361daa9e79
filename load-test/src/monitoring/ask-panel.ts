import {
  clickhouseText,
  fillVariables,
  postgresText,
  promqlText,
  type Panel,
  type PrometheusServer,
  type QueryContext,
  type ShippedDashboard,
  type Target,
} from '@sluice/monitoring';

/** What a query gave: lines over time, or rows as they are. */
export type Answer =
  | { kind: 'series'; series: { name: string; points: [seconds: number, value: number][] }[] }
  | { kind: 'table'; columns: string[]; rows: unknown[][] };

export type Row = Record<string, unknown>;

/** What asks the stores. One that is absent cannot be asked now: its queries are left for later. */
export interface Sources {
  prometheus?: PrometheusServer;
  /** Rows, numbers as numbers and times as Date. */
  postgres?: (sql: string) => Promise<Row[]>;
  clickhouse?: (sql: string) => Promise<Row[]>;
}

export interface PanelResult {
  dashboard: string;
  panel: Panel;
  /** By query; an error in place of an answer. Absent: not asked yet. */
  answers: Map<string, Answer | Error>;
}

const SOURCE_OF: Record<string, keyof Sources> = {
  prometheus: 'prometheus',
  'grafana-postgresql-datasource': 'postgres',
  'grafana-clickhouse-datasource': 'clickhouse',
};

/** Asks every query of a panel whose source is at hand, as Grafana would. Failures become part of the result. */
export async function askPanel(
  result: PanelResult,
  sources: Sources,
  contextOf: (source: keyof Sources) => QueryContext,
): Promise<void> {
  for (const target of result.panel.targets) {
    const source = SOURCE_OF[target.datasource.type];
    if (source === undefined) throw new Error(`Nobody knows the data source ${target.datasource.type}.`);
    if (sources[source] === undefined || result.answers.has(target.refId)) continue;
    try {
      result.answers.set(target.refId, await askTarget(target, source, sources, contextOf(source)));
    } catch (error) {
      result.answers.set(target.refId, error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Whether all of its queries gave something. */
export function hasData({ panel, answers }: PanelResult): boolean {
  return panel.targets.every(({ refId }) => {
    const answer = answers.get(refId);
    if (answer === undefined || answer instanceof Error) return false;
    return answer.kind === 'series' ? answer.series.length > 0 : answer.rows.length > 0;
  });
}

/** The values of a dashboard's variables, those that are queries asked of Postgres. The first row is what Grafana chooses. */
export async function readVariables(
  dashboard: ShippedDashboard,
  postgres: (sql: string) => Promise<Row[]>,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const { name, type, query } of dashboard.templating.list) {
    if (typeof query !== 'string') throw new Error(`The variable ${name} has no query.`);
    if (type === 'textbox') variables[name] = query;
    if (type !== 'query') continue;
    const [row] = await postgres(fillVariables(query, { variables }));
    const value = row === undefined ? undefined : (row['__value'] ?? Object.values(row)[0]);
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new Error(`The variable ${name} of ${dashboard.uid} has no value.`);
    }
    variables[name] = String(value);
  }
  return variables;
}

async function askTarget(
  target: Target,
  source: keyof Sources,
  sources: Sources,
  context: QueryContext,
): Promise<Answer> {
  if (source === 'prometheus') {
    const samples = await sources.prometheus!.queryRange(promqlText(target.expr ?? '', context), {
      fromMs: context.fromMs,
      toMs: context.toMs,
      stepSeconds: context.intervalSeconds,
    });
    return {
      kind: 'series',
      series: samples.map(({ labels, points }) => ({
        name: legendOf(target.legendFormat ?? '', labels),
        points: points.map(([seconds, value]): [number, number] => [seconds, value]),
      })),
    };
  }
  const sql = target.rawSql ?? '';
  const rows =
    source === 'postgres'
      ? await sources.postgres!(postgresText(sql, context))
      : await sources.clickhouse!(clickhouseText(sql, context));
  return target.format === 'time_series' || target.format === 0 ? seriesOf(rows) : tableOf(rows);
}

function legendOf(format: string, labels: Readonly<Record<string, string>>): string {
  return format.replace(/\{\{(\w+)\}\}/g, (_all, label: string) => labels[label] ?? '').trim();
}

/** A column named time, texts that tell series apart, and numbers: how Grafana reads a time series from SQL. */
function seriesOf(rows: readonly Row[]): Answer {
  const series = new Map<string, [number, number][]>();
  for (const row of rows) {
    const { time, ...others } = row;
    if (!(time instanceof Date)) throw new Error('A time series needs a column `time`.');
    const labels = Object.values(others).filter((value) => typeof value === 'string');
    for (const [column, value] of Object.entries(others)) {
      if (typeof value !== 'number') continue;
      const name = labels.length > 0 ? labels.join(' ') : column;
      const points = series.get(name) ?? [];
      points.push([time.getTime() / 1_000, value]);
      series.set(name, points);
    }
  }
  return { kind: 'series', series: [...series].map(([name, points]) => ({ name, points })) };
}

function tableOf(rows: readonly Row[]): Answer {
  return {
    kind: 'table',
    columns: Object.keys(rows[0] ?? {}),
    rows: rows.map((row) => Object.values(row)),
  };
}
