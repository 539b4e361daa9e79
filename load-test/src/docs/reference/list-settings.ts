import { analyticsApiSettings } from '@sluice/analytics-api';
import { gatewaySettings } from '@sluice/gateway';
import { pipelineSettings } from '@sluice/pipeline';
import { serviceSettings, storeSettings } from '@sluice/service-kit';
import { standaloneGatewaySettings, standaloneWorkerSettings } from '@sluice/standalone';
import { z } from 'zod';

export type ServiceName = 'gateway' | 'pipeline' | 'analytics API';

/** A setting as its schema says. */
export interface Setting {
  name: string;
  /** The section of the reference it stands in. */
  section: 'stores' | 'every service' | ServiceName;
  services: ServiceName[];
  /** Whether `npm start` hands it on to its services; what it sets itself, or has no use for, is not. */
  onOneMachine: boolean;
  /** For people: `whole number, 1 or more`, `true or false`, `fatal, error, …`. */
  type: string;
  /** As it is written in the environment; by service, where services differ. Undefined: there is none. */
  defaults: Partial<Record<ServiceName, string>>;
  meaning: string;
}

const SERVICES: Record<ServiceName, z.ZodObject> = {
  gateway: gatewaySettings,
  pipeline: pipelineSettings,
  'analytics API': analyticsApiSettings,
};

/** `npm start` gives these to its services: what the environment says of them has no effect there. */
const SET_BY_START = new Set(['HOST', 'PORT', 'SPOOL_DIR']);

/** Every setting of every service, in the order of their schemas. */
export function listSettings(): Setting[] {
  const settings = new Map<string, Setting>();
  for (const [service, schema] of Object.entries(SERVICES) as [ServiceName, z.ZodObject][]) {
    for (const [name, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
      const fallback = defaultOf(field);
      const known = settings.get(name);
      if (known !== undefined) {
        known.services.push(service);
        if (fallback !== undefined) known.defaults[service] = fallback;
        continue;
      }
      settings.set(name, {
        name,
        section: sectionOf(name, service),
        services: [service],
        onOneMachine:
          !SET_BY_START.has(name) &&
          (name in standaloneWorkerSettings.shape || name in standaloneGatewaySettings.shape),
        type: typeOf(field),
        defaults: fallback === undefined ? {} : { [service]: fallback },
        meaning: field.description ?? '',
      });
    }
  }
  for (const setting of settings.values()) {
    if (setting.services.length === 3 && setting.section !== 'stores') setting.section = 'every service';
  }
  return [...settings.values()];
}

/** The one default of a setting, or undefined when there is none or services differ. */
export function commonDefault(setting: Setting): string | undefined {
  const values = new Set(setting.services.map((service) => setting.defaults[service]));
  return values.size === 1 ? [...values][0] : undefined;
}

function sectionOf(name: string, service: ServiceName): Setting['section'] {
  if (name in storeSettings) return 'stores';
  return name in serviceSettings ? 'every service' : service;
}

/** What a schema makes of a variable that is not set, written as a variable. */
function defaultOf(field: z.ZodType): string | undefined {
  const value: unknown = field.safeParse(undefined).data;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

interface JsonSchema {
  type?: string;
  enum?: string[];
  format?: string;
  minimum?: number;
  maximum?: number;
}

function typeOf(field: z.ZodType): string {
  const schema = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  if (typeof field.safeParse(undefined).data === 'boolean') return '`true` or `false`';
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.type === 'integer' || schema.type === 'number') return numberType(schema);
  return schema.format === 'uri' ? 'URL' : 'text';
}

function numberType({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: JsonSchema): string {
  const from = minimum.toLocaleString('en-US');
  return maximum === Number.MAX_SAFE_INTEGER
    ? `whole number from ${from}`
    : `whole number, ${from} to ${maximum.toLocaleString('en-US', { useGrouping: maximum > 99_999 })}`;
}
