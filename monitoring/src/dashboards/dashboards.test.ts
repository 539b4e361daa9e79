import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DASHBOARDS_DIR } from '../paths.js';
import { readRules, thresholdOf } from '../rules.js';
import { buildDashboards } from './build-dashboards.js';
import { readDashboards } from './read-dashboards.js';

const { alerts } = readRules();
const dashboards = readDashboards();

describe('dashboards', () => {
  it('are what their code makes: `npm run monitoring:generate` writes them', () => {
    const files = buildDashboards(alerts);
    expect(readdirSync(DASHBOARDS_DIR).sort()).toEqual([...files.keys()].sort());
    for (const [name, text] of files) expect(readFileSync(join(DASHBOARDS_DIR, name), 'utf8')).toBe(text);
  });

  it('have addresses that stay', () => {
    expect(dashboards.map(({ uid }) => uid).sort()).toEqual([
      'sluice-analytics',
      'sluice-gateway-throughput',
      'sluice-journey',
      'sluice-load-test',
    ]);
  });

  it.each(dashboards.map((dashboard) => [dashboard.title, dashboard] as const))(
    '%s: every panel says what it shows, in which unit, from a data source that is a variable',
    (_title, { panels, templating }) => {
      const variables = new Set(templating.list.map(({ name }) => name));
      for (const panel of panels.filter(({ type }) => type !== 'row')) {
        expect(panel.description, panel.title).toMatch(/\w.*\.$/);
        expect(panel.fieldConfig?.defaults.unit, panel.title).toBeTruthy();
        expect(panel.targets.length, panel.title).toBeGreaterThan(0);
        for (const { datasource } of panel.targets) {
          expect(variables).toContain(/^\$\{(\w+)\}$/.exec(datasource.uid)?.[1]);
        }
      }
    },
  );

  it.each(dashboards.map((dashboard) => [dashboard.title, dashboard] as const))(
    '%s: panels lie side by side and fill the width',
    (_title, { panels }) => {
      const filled = new Map<number, number>();
      for (const { gridPos } of panels) {
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
        filled.set(gridPos.y, (filled.get(gridPos.y) ?? 0) + gridPos.w);
      }
      expect([...filled.values()].every((width) => width === 24)).toBe(true);
    },
  );

  it('draw thresholds where the alerts that they name fire', () => {
    const named = dashboards.flatMap(({ panels }) =>
      panels.filter(({ description = '' }) => description.includes('Alert: ')),
    );
    expect(named.length).toBeGreaterThan(10);
    for (const { title, description, fieldConfig } of named) {
      const names = /Alert: (.+)\.$/.exec(description!)![1]!.split(', ');
      const steps = fieldConfig!.defaults.thresholds!.steps.map(({ value }) => value);
      for (const name of names) {
        const { value } = thresholdOf(alerts.find(({ alert }) => alert === name)!);
        expect(steps, title).toContain(value === 0 ? 0.001 : value);
      }
    }
  });

  it('show the journey hop by hop, in order', () => {
    const journey = dashboards.find(({ uid }) => uid === 'sluice-journey')!;
    const rows = journey.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows.slice(1).map((title) => title.slice(0, 1))).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(rows[1]).toContain('SDK → gateway');
    expect(rows[5]).toContain('answer');
  });
});
