import { z } from 'zod';
import { fault, type Fault } from '../errors.js';
import { jsonPointer } from '../messages/json-pointer.js';
import { toStorableText } from '../messages/storable-text.js';
import { isBuiltInEvent } from './built-in-check.js';
import { BUILT_IN_EVENTS } from './typed-events.js';

/** What happens to a message that does not follow the plan: nothing, a note in the answer, or a rejection. */
export const planModeSchema = z.enum(['off', 'warn', 'block']);
export type PlanMode = z.infer<typeof planModeSchema>;

/** A project's own plan: name of a track event -> JSON Schema of its properties. Its entries win over the built-in ones. */
export const planEventsSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
export type PlanEvents = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Faults told of one message at most. */
const MAX_FAULTS = 10;

const builtIn: ReadonlyMap<string, z.ZodType> = new Map(Object.entries(BUILT_IN_EVENTS));
const compiled = new WeakMap<PlanEvents, Map<string, z.ZodType | null>>();

/**
 * Where a message leaves the plan: `plan_violation` faults with the pointer of the property. Empty for messages that are
 * not track messages and for events that no plan names. The schemas of a plan object are compiled once; an entry that
 * `findPlanFaults` refuses checks nothing.
 */
export function checkPlan(plan: PlanEvents, message: unknown): Fault[] {
  if (typeof message !== 'object' || message === null) return [];
  const { type, event, properties } = message as Readonly<Record<string, unknown>>;
  if ((type ?? 'track') !== 'track' || typeof event !== 'string') return [];
  return checkProperties(plan, event, properties ?? {});
}

/** Whether a plan, or the built-in one, says anything of an event. */
export function isPlanned(plan: PlanEvents, event: string): boolean {
  return schemaOf(plan, event) !== undefined;
}

/** As `checkPlan`, given a track message's event and properties. */
export function checkProperties(plan: PlanEvents, event: string, properties: unknown): Fault[] {
  if (!Object.hasOwn(plan, event) && isBuiltInEvent(event, properties)) return [];
  const schema = schemaOf(plan, event);
  if (schema === undefined) return [];
  let result: z.ZodSafeParseResult<unknown>;
  try {
    result = schema.safeParse(properties);
  } catch {
    return [violation(event, [], 'The properties could not be checked.')];
  }
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => violationsOf(event, issue)).slice(0, MAX_FAULTS);
}

/** The entries of a plan that are not usable: a plan must have none before it is stored. */
export function findPlanFaults(plan: PlanEvents): Fault[] {
  return Object.entries(plan).flatMap(([event, jsonSchema]) => {
    try {
      z.fromJSONSchema(jsonSchema);
      return [];
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return [
        fault('invalid_request', `The schema of ${JSON.stringify(event)}: ${reason}`, jsonPointer([event])),
      ];
    }
  });
}

/** The JSON Schemas of the built-in events, by name. */
export function builtInPlan(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(BUILT_IN_EVENTS).map(([name, schema]) => [
      name,
      z.toJSONSchema(schema) as Record<string, unknown>,
    ]),
  );
}

function schemaOf(plan: PlanEvents, event: string): z.ZodType | undefined {
  if (!Object.hasOwn(plan, event)) return builtIn.get(event);
  let schemas = compiled.get(plan);
  if (schemas === undefined) {
    schemas = new Map<string, z.ZodType | null>();
    compiled.set(plan, schemas);
  }
  let schema = schemas.get(event);
  if (schema === undefined) {
    schema = compile(plan[event]!);
    schemas.set(event, schema);
  }
  return schema ?? undefined;
}

function compile(jsonSchema: Readonly<Record<string, unknown>>): z.ZodType | null {
  try {
    return z.fromJSONSchema(jsonSchema);
  } catch {
    return null;
  }
}

function violationsOf(event: string, issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      violation(event, [...issue.path, key], 'This property is not in the plan.'),
    );
  }
  return [violation(event, issue.path, issue.message)];
}

function violation(event: string, path: readonly PropertyKey[], reason: string): Fault {
  const name = toStorableText(event.length > 80 ? `${event.slice(0, 80)}…` : event);
  return fault('plan_violation', toStorableText(`${name}: ${reason}`), jsonPointer(['properties', ...path]));
}
