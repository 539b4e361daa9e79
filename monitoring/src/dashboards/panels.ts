import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { thresholdOf, type Alert } from '../rules.js';
import { dataSourceRef, sourceOf, targetOf, type PanelQuery } from './data-sources.js';

export interface PanelFacts {
  title: string;
  /** One sentence for somebody who sees it for the first time. */
  description: string;
  /** A unit of Grafana: `s`, `bytes`, `reqps` … */
  unit: string;
  queries: readonly [PanelQuery, ...PanelQuery[]];
  /** Alerts whose thresholds are drawn, the gravest last. */
  alerts?: readonly string[];
  /** Of the dashboard's 24. Default 8. */
  width?: number;
  /** In rows of 30 pixels. Default 7; numbers 4. */
  height?: number;
  decimals?: number;
}

export interface Panels {
  /** Lines over time. */
  lines: (facts: PanelFacts & { stacked?: boolean }) => Builder<dashboard.Panel>;
  /** One number, or one for each series: the last. */
  number: (facts: PanelFacts) => Builder<dashboard.Panel>;
  /** Bars beside each other: the last value of each series, or each row of a table. */
  bars: (facts: PanelFacts) => Builder<dashboard.Panel>;
  /** Rows and columns as they were asked for. */
  table: (facts: PanelFacts) => Builder<dashboard.Panel>;
}

const COLOURS = { info: 'blue', warning: 'orange', critical: 'red' } as const;

/** Makes panels of the four kinds that the dashboards use. Thresholds come from the rules, so they cannot disagree. */
export function createPanels(alerts: readonly Alert[]): Panels {
  function stepsOf(names: readonly string[]): dashboard.Threshold[] {
    const steps = names.map((name) => {
      const alert = alerts.find((one) => one.alert === name);
      if (alert === undefined) throw new Error(`There is no alert ${name}.`);
      const { value, severity } = thresholdOf(alert);
      // The colour of a step begins at its value, an alert only beyond it: nothing is no reason for red.
      return { value: value === 0 ? 0.001 : value, color: COLOURS[severity] };
    });
    return [{ value: null, color: 'green' }, ...steps.sort((a, b) => a.value - b.value)];
  }

  function finish<
    T extends stat.PanelBuilder | table.PanelBuilder | timeseries.PanelBuilder | bargauge.PanelBuilder,
  >(panel: T, facts: PanelFacts, defaults: { width: number; height: number }): T {
    const { alerts: names = [] } = facts;
    const told = names.length === 0 ? '' : ` Alert: ${names.join(', ')}.`;
    panel
      .title(facts.title)
      .description(`${facts.description}${told}`)
      .unit(facts.unit)
      .datasource(dataSourceRef(sourceOf(facts.queries[0])))
      .span(facts.width ?? defaults.width)
      .height(facts.height ?? defaults.height)
      .thresholds(
        new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(stepsOf(names)),
      )
      .targets(facts.queries.map((query, index) => targetOf(query, String.fromCharCode(65 + index))));
    if (facts.decimals !== undefined) panel.decimals(facts.decimals);
    return panel;
  }

  return {
    lines(facts) {
      const { stacked = false } = facts;
      const panel = finish(new timeseries.PanelBuilder(), facts, { width: 8, height: 7 })
        .lineWidth(1)
        .fillOpacity(stacked ? 30 : 8)
        .showPoints(common.VisibilityMode.Never)
        .axisSoftMin(0)
        .legend(
          new common.VizLegendOptionsBuilder()
            .showLegend(true)
            .displayMode(common.LegendDisplayMode.List)
            .placement(common.LegendPlacement.Bottom),
        )
        .tooltip(
          new common.VizTooltipOptionsBuilder()
            .mode(common.TooltipDisplayMode.Multi)
            .sort(common.SortOrder.Descending),
        );
      if (stacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
      if ((facts.alerts ?? []).length > 0) {
        panel.thresholdsStyle(
          new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
        );
      }
      return panel;
    },
    number(facts) {
      return finish(new stat.PanelBuilder(), facts, { width: 4, height: 4 })
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
        .colorMode(common.BigValueColorMode.Value)
        .graphMode(common.BigValueGraphMode.None);
    },
    bars(facts) {
      const isTable = facts.queries.some((query) => 'as' in query && query.as === 'table');
      return finish(new bargauge.PanelBuilder(), facts, { width: 8, height: 7 })
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(isTable))
        .orientation(common.VizOrientation.Horizontal)
        .displayMode(common.BarGaugeDisplayMode.Basic);
    },
    table(facts) {
      return finish(new table.PanelBuilder(), facts, { width: 12, height: 8 }).showHeader(true);
    },
  };
}
