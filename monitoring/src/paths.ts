import { fileURLToPath } from 'node:url';

/** The folder of this workspace, whether the code runs built or from its sources. */
const home = new URL('../', import.meta.url);

export const PROMETHEUS_CONFIG = fileURLToPath(new URL('prometheus/prometheus.yml', home));
export const RULES_DIR = fileURLToPath(new URL('prometheus/rules/', home));
export const RULE_TESTS_DIR = fileURLToPath(new URL('prometheus/tests/', home));
export const ALERTMANAGER_CONFIG = fileURLToPath(new URL('alertmanager/alertmanager.yml', home));
export const DASHBOARDS_DIR = fileURLToPath(new URL('grafana/dashboards/', home));
export const RUNBOOK = fileURLToPath(new URL('../docs/RUNBOOK.md', home));
/** Where what is fetched for this repository is kept. */
export const CACHE_DIR = fileURLToPath(new URL('../.cache/', home));
