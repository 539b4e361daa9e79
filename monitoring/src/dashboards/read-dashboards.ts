import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DASHBOARDS_DIR } from '../paths.js';

const dataSourceSchema = z.object({ type: z.string(), uid: z.string() });

const targetSchema = z.object({
  refId: z.string(),
  datasource: dataSourceSchema,
  expr: z.string().optional(),
  legendFormat: z.string().optional(),
  rawSql: z.string().optional(),
  format: z.union([z.string(), z.number()]).optional(),
});
export type Target = z.infer<typeof targetSchema>;

const gridSchema = z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() });

const panelSchema = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string().optional(),
  gridPos: gridSchema,
  datasource: dataSourceSchema.optional(),
  targets: z.array(targetSchema).default([]),
  fieldConfig: z
    .object({
      defaults: z.object({
        unit: z.string().optional(),
        decimals: z.number().optional(),
        thresholds: z
          .object({ steps: z.array(z.object({ value: z.number().nullable(), color: z.string() })) })
          .optional(),
        custom: z.object({ stacking: z.object({ mode: z.string() }).optional() }).optional(),
      }),
    })
    .optional(),
});
export type Panel = z.infer<typeof panelSchema>;

const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  description: z.string(),
  panels: z.array(panelSchema),
  templating: z.object({
    list: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        query: z.unknown(),
        datasource: dataSourceSchema.optional(),
      }),
    ),
  }),
});
export type ShippedDashboard = z.infer<typeof dashboardSchema>;

/** The dashboards as they are shipped: what Grafana reads. */
export function readDashboards(): ShippedDashboard[] {
  return readdirSync(DASHBOARDS_DIR)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => dashboardSchema.parse(JSON.parse(readFileSync(join(DASHBOARDS_DIR, name), 'utf8'))));
}
