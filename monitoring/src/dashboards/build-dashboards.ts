import type { Alert } from '../rules.js';
import { analytics } from './analytics.js';
import { gatewayThroughput } from './gateway-throughput.js';
import { journey } from './journey.js';
import { loadTest } from './load-test.js';
import { createPanels } from './panels.js';
import type { Dashboard } from './start-dashboard.js';

/** All dashboards, as the text of their files by name. */
export function buildDashboards(alerts: readonly Alert[]): Map<string, string> {
  const panels = createPanels(alerts);
  const dashboards = [gatewayThroughput(panels), journey(panels), analytics(panels), loadTest(panels)];
  return new Map(dashboards.map((one) => [`${String(one.uid).replace(/^sluice-/, '')}.json`, textOf(one)]));
}

function textOf(dashboard: Dashboard): string {
  // Panels are told apart by number; links to one panel need it to stay.
  (dashboard.panels ?? []).forEach((panel, index) => {
    panel.id = index + 1;
  });
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
