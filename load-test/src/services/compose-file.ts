import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { interpolateDocument } from './interpolate.js';

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const dependency = z.object({
  condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
  required: z.boolean().default(true),
});

/** A service of a Compose file, as far as Sluice's own file uses the specification. */
const serviceSchema = z.object({
  image: z.string(),
  profiles: z.array(z.string()).default([]),
  command: z.array(scalar).default([]),
  environment: z.record(z.string(), scalar).default({}),
  ports: z.array(z.string()).default([]),
  expose: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), dependency).default({}),
  networks: z
    .union([
      z.array(z.string()).transform((names) => names.map((name) => [name, null] as const)),
      z
        .record(z.string(), z.object({ aliases: z.array(z.string()).optional() }).nullable())
        .transform((networks) => Object.entries(networks)),
    ])
    .transform((entries) => new Map(entries)),
  healthcheck: z
    .object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() })
    .loose()
    .optional(),
  restart: z.string(),
  stop_grace_period: z.string().optional(),
  read_only: z.boolean().default(false),
  init: z.boolean().default(false),
  deploy: z.object({
    replicas: scalar.optional(),
    resources: z.object({ limits: z.object({ cpus: z.string(), memory: z.string() }) }),
  }),
});

const fileSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.unknown()),
  networks: z.record(z.string(), z.unknown()),
});

export type ComposeFile = z.output<typeof fileSchema>;
export type ComposeService = ComposeFile['services'][string];

/** The document as it stands, anchors and merges resolved, variables not yet replaced. */
export async function readComposeDocument(path: string): Promise<unknown> {
  return parse(await readFile(path, 'utf8'), { merge: true }) as unknown;
}

/**
 * A Compose file with the variables of an environment.
 * @throws InterpolationError when the file demands a variable that is not there.
 */
export async function readComposeFile(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ComposeFile> {
  return fileSchema.parse(interpolateDocument(await readComposeDocument(path), environment));
}

/** Variables of an env file. */
export async function readEnvFile(path: string): Promise<Record<string, string>> {
  return { ...(parseEnv(await readFile(path, 'utf8')) as Record<string, string>) };
}
