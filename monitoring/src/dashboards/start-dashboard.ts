import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DATA_SOURCES, dataSourceRef, type DataSource } from './data-sources.js';

/**
 * The database that answers are read from now. Which generation of the rollups is live stands in Postgres, and nowhere else: a
 * dashboard reads it there as the analytics API does, anew with every refresh.
 */
export const LIVE_ROLLUPS = `select '\${prefix:raw}_g' || generation from rollup_generations where state = 'live' order by generation desc limit 1`;
export const PROJECTS = `select project_id as __value, name as __text from projects order by name`;

export interface DashboardFacts {
  uid: string;
  title: string;
  description: string;
  sources: readonly DataSource[];
  /** From when on it shows, when it is opened: `now-1h`. */
  from: string;
}

// The form of Grafana 9 and later, whose files all of them read; the newer form is only for the newest.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const { DashboardBuilder } = dashboard;
type DashboardBuilder = InstanceType<typeof DashboardBuilder>;
export type Dashboard = ReturnType<DashboardBuilder['build']>;

/** A dashboard without panels: its data sources are variables, so it works with whatever they are called. */
export function startDashboard(facts: DashboardFacts): DashboardBuilder {
  const builder = new DashboardBuilder(facts.title)
    .uid(facts.uid)
    .description(facts.description)
    .tags(['sluice'])
    .timezone('browser')
    .time({ from: facts.from, to: 'now' })
    .refresh('30s')
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder('Sluice')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['sluice'])
        .asDropdown(true)
        .keepTime(true),
    );
  for (const source of facts.sources) {
    builder.withVariable(
      new dashboard.DatasourceVariableBuilder(source).label(source).type(DATA_SOURCES[source]),
    );
  }
  if (facts.sources.includes('clickhouse')) {
    builder
      .withVariable(
        new dashboard.TextBoxVariableBuilder('prefix')
          .label('databases begin with')
          .description('The same as `prefix` in CLICKHOUSE_URL.')
          .hide(dashboard.VariableHide.HideVariable)
          .defaultValue('sluice'),
      )
      .withVariable(
        new dashboard.QueryVariableBuilder('rollups')
          .label('live rollups')
          .datasource(dataSourceRef('postgres'))
          .query(LIVE_ROLLUPS)
          .hide(dashboard.VariableHide.HideVariable)
          .refresh(dashboard.VariableRefresh.OnTimeRangeChanged),
      );
  }
  if (facts.sources.includes('postgres')) {
    builder.withVariable(
      new dashboard.QueryVariableBuilder('project')
        .label('project')
        .datasource(dataSourceRef('postgres'))
        .query(PROJECTS)
        .allowCustomValue(false)
        .refresh(dashboard.VariableRefresh.OnDashboardLoad),
    );
  }
  return builder;
}
