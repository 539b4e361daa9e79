import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';

/** The three data sources, as Grafana names their kinds. A dashboard refers to each by a variable of the same name. */
export const DATA_SOURCES = {
  prometheus: 'prometheus',
  postgres: 'grafana-postgresql-datasource',
  clickhouse: 'grafana-clickhouse-datasource',
} as const;
export type DataSource = keyof typeof DATA_SOURCES;

export function dataSourceRef(of: DataSource): { type: string; uid: string } {
  return { type: DATA_SOURCES[of], uid: `\${${of}}` };
}

/** One query of a panel. `legend` names its series; `{{label}}` stands for a label. */
export type PanelQuery =
  | { prometheus: string; legend: string; instant?: boolean }
  | { postgres: string; as: 'series' | 'table' }
  | { clickhouse: string; as: 'series' | 'table' };

export function sourceOf(query: PanelQuery): DataSource {
  if ('prometheus' in query) return 'prometheus';
  return 'postgres' in query ? 'postgres' : 'clickhouse';
}

export function targetOf(query: PanelQuery, refId: string): Builder<Dataquery> {
  if ('prometheus' in query) {
    const target = new prometheus.DataqueryBuilder()
      .datasource(dataSourceRef('prometheus'))
      .refId(refId)
      .expr(query.prometheus)
      .legendFormat(query.legend);
    return query.instant === true ? target.instant() : target.range();
  }
  return 'postgres' in query
    ? plainTarget({
        datasource: dataSourceRef('postgres'),
        refId,
        editorMode: 'code',
        rawQuery: true,
        format: query.as === 'series' ? 'time_series' : 'table',
        rawSql: query.postgres,
      })
    : plainTarget({
        datasource: dataSourceRef('clickhouse'),
        refId,
        editorType: 'sql',
        queryType: query.as === 'series' ? 'timeseries' : 'table',
        // The plug-in counts its formats: 0 is a time series, 1 a table.
        format: query.as === 'series' ? 0 : 1,
        rawSql: query.clickhouse,
        meta: {},
      });
}

/** The builders know the query of Prometheus; those of the two SQL sources are made as their plug-ins read them. */
function plainTarget(fields: object): Builder<Dataquery> {
  return { build: () => ({ ...fields }) as unknown as Dataquery };
}
