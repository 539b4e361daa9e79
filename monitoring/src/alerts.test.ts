import { ERRORS } from '@sluice/contracts';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { documentedName, readDocumentedMetrics } from './documented-metrics.js';
import { metricNamesOf } from './metric-names.js';
import { RUNBOOK } from './paths.js';
import { readDashboards } from './dashboards/read-dashboards.js';
import { countRuleTests, readRules, thresholdOf } from './rules.js';

const { alerts, records } = readRules();
const OF_PROMETHEUS = new Set(['up']);

describe('alert rules', () => {
  it('are named once', () => {
    const names = alerts.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(alerts.map(({ alert, annotations }) => [alert, annotations.runbook_url] as const))(
    '%s has a section of its own in the runbook',
    (alert, url) => {
      const sections = [...readFileSync(RUNBOOK, 'utf8').matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
      expect(url).toBe(`docs/RUNBOOK.md#${alert.toLowerCase()}`);
      expect(sections).toContain(alert);
    },
  );

  it('have no section in the runbook that is nobody’s', () => {
    const sections = [...readFileSync(RUNBOOK, 'utf8').matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(new Set(sections)).toEqual(new Set(alerts.map(({ alert }) => alert)));
    expect(sections).toHaveLength(alerts.length);
  });

  it('are each tested to fire and to be silent', () => {
    const counts = countRuleTests();
    const untested = alerts.filter(({ alert }) => {
      const { fires = 0, silent = 0 } = counts.get(alert) ?? {};
      return fires === 0 || silent === 0;
    });
    expect(untested.map(({ alert }) => alert)).toEqual([]);
  });

  it('count as our fault exactly the codes with a status from 500', () => {
    const ours = Object.entries(ERRORS)
      .filter(([, { status }]) => status >= 500)
      .map(([code]) => code)
      .sort()
      .join('|');
    const failing = records.filter(({ record }) => record.startsWith('sluice:gateway_errors:'));
    expect(failing).toHaveLength(4);
    for (const { expr } of failing) expect(/code=~"([^"]+)"/.exec(expr)?.[1]).toBe(ours);
  });
});

describe('expressions of rules and panels', () => {
  const documented = readDocumentedMetrics();
  const recorded = new Set(records.map(({ record }) => record));
  const expressions = [
    ...alerts.map(({ alert, expr }) => [alert, expr] as const),
    ...records.map(({ record, expr }) => [record, expr] as const),
    ...readDashboards().flatMap(({ title, panels }) =>
      panels.flatMap((panel) =>
        panel.targets.flatMap(({ expr }) =>
          expr === undefined
            ? []
            : [[`${title}: ${panel.title}`, expr.replaceAll('$__rate_interval', '1m')] as const],
        ),
      ),
    ),
  ];

  it('read no series but those that docs/METRICS.md tells of, and recorded ones', () => {
    const unknown = expressions.flatMap(([where, expr]) =>
      [...metricNamesOf(expr)]
        .filter(
          (name) =>
            !recorded.has(name) && !OF_PROMETHEUS.has(name) && documentedName(name, documented) === undefined,
        )
        .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('use every series that is recorded', () => {
    const used = new Set(expressions.flatMap(([, expr]) => [...metricNamesOf(expr)]));
    expect([...recorded].filter((name) => !used.has(name))).toEqual([]);
  });

  it('are refused when they are no PromQL', () => {
    expect(() => metricNamesOf('sum(rate(a[5m])')).toThrow('Not PromQL');
    expect(() => metricNamesOf('{job="a"}')).toThrow('names no metric');
  });
});

describe('thresholds', () => {
  it('are what a condition ends with', () => {
    const alert = alerts.find(({ alert: name }) => name === 'SluiceGatewayMemoryFills')!;
    expect(thresholdOf(alert)).toEqual({ value: 2e8, severity: 'warning' });
  });
});
