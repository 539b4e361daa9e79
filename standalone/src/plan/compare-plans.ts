import type { PlanEvents } from '@sluice/contracts';

export interface PlanChange {
  event: string;
  change: 'added' | 'removed' | 'changed';
  /** Whether something that the plan took before may be outside of it now. */
  breaking: boolean;
  /** Why, with a JSON pointer into the schema. */
  reasons: string[];
}

type Schema = Readonly<Record<string, unknown>>;

/**
 * What a plan changes, by event, in the order of names. Breaking is what asks for more: another required property, fewer
 * types or values, narrower bounds. A keyword that is not understood counts as breaking when it changes, so that a plan is
 * never called harmless wrongly. An event that is added breaks nothing that follows the plan so far.
 */
export function comparePlans(before: PlanEvents, after: PlanEvents): PlanChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((event): PlanChange[] => {
    const [old, next] = [ownOf(before, event), ownOf(after, event)];
    if (old === undefined) return [{ event, change: 'added', breaking: false, reasons: [] }];
    if (next === undefined) return [{ event, change: 'removed', breaking: false, reasons: [] }];
    if (isSame(old, next)) return [];
    const reasons = findNarrowings(old, next, '');
    return [{ event, change: 'changed', breaking: reasons.length > 0, reasons }];
  });
}

function ownOf(plan: PlanEvents, event: string): Schema | undefined {
  return Object.hasOwn(plan, event) ? plan[event] : undefined;
}

/** Of no weight for what is taken. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
]);
const LEAST = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties']);
const MOST = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']);

function findNarrowings(before: Schema, after: Schema, at: string): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => {
    if (ANNOTATIONS.has(key) || isSame(before[key], after[key])) return [];
    return narrowingsOf(key, before, after, at);
  });
}

function narrowingsOf(key: string, before: Schema, after: Schema, at: string): string[] {
  const [old, next] = [before[key], after[key]];
  const where = `${at}/${key}`;
  if (key === 'properties') return propertyNarrowings(before, after, at);
  if (key === 'required') {
    const known = new Set(listOf(old));
    return listOf(next)
      .filter((name) => !known.has(name))
      .map((name) => `${where}: ${String(name)} is required now`);
  }
  // Without it, anything is taken.
  if (next === undefined) return [];
  if (key === 'type') {
    if (old === undefined) return [`${where}: only ${listOf(next).join(', ')} is taken now`];
    const taken = new Set(listOf(next));
    return listOf(old)
      .filter((type) => !taken.has(type) && !(type === 'integer' && taken.has('number')))
      .map((type) => `${where}: ${String(type)} is not taken any more`);
  }
  if (key === 'enum') {
    if (old === undefined) return [`${where}: only listed values are taken now`];
    const taken = new Set(listOf(next).map((value) => JSON.stringify(value)));
    return listOf(old)
      .filter((value) => !taken.has(JSON.stringify(value)))
      .map((value) => `${where}: ${JSON.stringify(value)} is not taken any more`);
  }
  if (LEAST.has(key) && typeof next === 'number') {
    return typeof old === 'number' && old >= next ? [] : [`${where}: at least ${next} now`];
  }
  if (MOST.has(key) && typeof next === 'number') {
    return typeof old === 'number' && old <= next ? [] : [`${where}: at most ${next} now`];
  }
  if (key === 'additionalProperties' || key === 'items') {
    if (next === true) return [];
    if (isSchema(old) && isSchema(next)) return findNarrowings(old, next, where);
    // What was forbidden altogether can only become wider.
    return old === false ? [] : [`${where}: is narrower now`];
  }
  return [`${where}: changed, which may be narrower`];
}

function propertyNarrowings(before: Schema, after: Schema, at: string): string[] {
  const old = isSchema(before['properties']) ? before['properties'] : {};
  const next = isSchema(after['properties']) ? after['properties'] : {};
  return [...new Set([...Object.keys(old), ...Object.keys(next)])].flatMap((name) => {
    const where = `${at}/properties/${name}`;
    const [was, is] = [old[name], next[name]];
    if (was === undefined) {
      return before['additionalProperties'] === false || isAnything(is) ? [] : [`${where}: is looked at now`];
    }
    if (is === undefined) {
      return after['additionalProperties'] === false ? [`${where}: is not in the plan any more`] : [];
    }
    return isSchema(was) && isSchema(is) ? findNarrowings(was, is, where) : [];
  });
}

function isAnything(schema: unknown): boolean {
  return schema === true || (isSchema(schema) && Object.keys(schema).every((key) => ANNOTATIONS.has(key)));
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));
}

/** Keys in one order: Postgres keeps them in an order of its own. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isSchema(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, inOrder(item)]),
  );
}
