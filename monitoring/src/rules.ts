import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { RULE_TESTS_DIR, RULES_DIR } from './paths.js';

const alertSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']), symptom: z.string() }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
});
const recordSchema = z.strictObject({ record: z.string(), expr: z.string() });
const fileSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(z.union([alertSchema, recordSchema])) })),
});

export type Alert = z.infer<typeof alertSchema>;
export type RecordingRule = z.infer<typeof recordSchema>;

/** All rules that are shipped. */
export function readRules(): { alerts: Alert[]; records: RecordingRule[] } {
  const rules = yamlFilesOf(RULES_DIR).flatMap((text) =>
    fileSchema.parse(parse(text)).groups.flatMap((group) => group.rules),
  );
  return {
    alerts: rules.filter((rule) => 'alert' in rule),
    records: rules.filter((rule) => 'record' in rule),
  };
}

/** Beyond which value an alert fires, and how grave that is: what its condition ends with. */
export function thresholdOf(alert: Alert): { value: number; severity: Alert['labels']['severity'] } {
  const value = Number(/ > ([\d.e+-]+)$/.exec(alert.expr.trim())?.[1]);
  if (!Number.isFinite(value)) throw new Error(`The condition of ${alert.alert} ends with no threshold.`);
  return { value, severity: alert.labels.severity };
}

const testFileSchema = z.object({
  tests: z.array(
    z.object({
      name: z.string(),
      alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
    }),
  ),
});

/** How often each alert is tested to fire, and to be silent, in the unit tests of the rules. */
export function countRuleTests(): Map<string, { fires: number; silent: number }> {
  const counts = new Map<string, { fires: number; silent: number }>();
  for (const text of yamlFilesOf(RULE_TESTS_DIR)) {
    for (const test of testFileSchema.parse(parse(text)).tests) {
      for (const { alertname, exp_alerts: expected } of test.alert_rule_test) {
        const count = counts.get(alertname) ?? { fires: 0, silent: 0 };
        if (expected.length > 0) count.fires += 1;
        else count.silent += 1;
        counts.set(alertname, count);
      }
    }
  }
  return counts;
}

function yamlFilesOf(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.yml'))
    .sort()
    .map((name) => readFileSync(join(dir, name), 'utf8'));
}
