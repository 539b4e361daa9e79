import { findPlanFaults, planEventsSchema, type PlanEvents } from '@sluice/contracts';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

/**
 * The tracking plan of a file: JSON of event names and JSON Schemas of their properties; or a module (`.js`, `.mjs`) whose
 * `plan`, or default, has schemas of zod: the plan that the SDK is given.
 *
 * @throws Error, in words for people, when the file cannot be read or a schema in it cannot be used.
 */
export async function readPlanFile(file: string): Promise<PlanEvents> {
  const value = /\.m?js$/.test(file) ? await readModule(file) : await readJson(file);
  const parsed = planEventsSchema.safeParse(value);
  if (!parsed.success) {
    throw new Error(`${file} is no tracking plan: it must map names of events to JSON Schemas.`);
  }
  const faults = findPlanFaults(parsed.data);
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join('\n'));
  return parsed.data;
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function readModule(file: string): Promise<unknown> {
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  const plan = module['plan'] ?? module['default'];
  if (typeof plan !== 'object' || plan === null) throw new Error(`${file} exports no \`plan\`.`);
  return Object.fromEntries(
    Object.entries(plan).map(([event, schema]) => {
      try {
        return [event, z.toJSONSchema(schema as z.ZodType)];
      } catch (error) {
        throw new Error(`The schema of ${JSON.stringify(event)} is none of zod that JSON Schema can say.`, {
          cause: error,
        });
      }
    }),
  );
}
