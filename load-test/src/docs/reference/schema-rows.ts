import { ERRORS } from '@sluice/contracts';
import type { JsonSchema } from './open-api.js';

/** A row of a table of fields. */
export interface FieldRow {
  /** `series[].event`. */
  path: string;
  type: string;
  /** As JSON. */
  fallback: string | undefined;
  required: boolean;
  meaning: string;
}

/** Variants of an object that its `kind` (or another constant) tells apart. */
export interface Variant {
  name: string;
  schema: JsonSchema;
}

/** How deep a table goes; what lies deeper is in the description that the service serves. */
const DEEPEST = 4;

/** Every field of an object, those within it after it. */
export function rowsOf(schema: JsonSchema, prefix = '', depth = 1): FieldRow[] {
  const rows: FieldRow[] = [];
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    rows.push({
      path,
      type: typeText(field),
      fallback: field.default === undefined ? undefined : JSON.stringify(field.default),
      required: schema.required?.includes(name) === true,
      meaning: field.description ?? describedWithin(field),
    });
    if (depth < DEEPEST) rows.push(...innerRows(field, path, depth + 1));
  }
  return rows;
}

function innerRows(field: JsonSchema, path: string, depth: number): FieldRow[] {
  const inner = withoutNull(field);
  if (inner.items !== undefined) return innerRows(inner.items, `${path}[]`, depth);
  if (inner.properties !== undefined) return rowsOf(inner, path, depth);
  const objects = (inner.anyOf ?? inner.oneOf ?? []).filter(({ properties }) => properties !== undefined);
  if (objects.length > 0) return mergedRows(objects, path, depth);
  return [];
}

/** Fields of several forms of one object: each once. */
function mergedRows(objects: readonly JsonSchema[], path: string, depth: number): FieldRow[] {
  const rows = new Map<string, FieldRow>();
  for (const row of objects.flatMap((schema) => rowsOf(schema, path, depth))) {
    const known = rows.get(row.path);
    if (known === undefined) rows.set(row.path, { ...row, required: false });
    else {
      if (!known.type.split(', ').includes(row.type) && known.type !== row.type)
        known.type = [known.type, row.type].join(', ');
      if (known.meaning === '') known.meaning = row.meaning;
    }
  }
  return [...rows.values()];
}

/** The variants of an object; undefined when it has none. */
export function variantsOf(schema: JsonSchema): Variant[] | undefined {
  const schemas = schema.oneOf ?? schema.anyOf;
  if (schemas === undefined) return undefined;
  const variants = schemas.map((variant) => ({ name: nameOf(variant), schema: variant }));
  return variants.every(({ name }) => name !== undefined) ? (variants as Variant[]) : undefined;
}

function nameOf(schema: JsonSchema): string | undefined {
  for (const name of ['kind', 'type']) {
    const field = schema.properties?.[name];
    const value = field?.const ?? (field?.enum?.length === 1 ? field.enum[0] : undefined);
    if (typeof value === 'string') return value;
  }
  return undefined;
}

/** A type for people: `text`, `whole number, 1 to 200`, `list of text`, `"a", "b"`, `text or null`. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return refText(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return enumText(schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const texts = [...new Set(choices.map(typeText))];
    return texts.length === 1 ? texts[0]! : joinOr(texts);
  }
  if (Array.isArray(schema.type)) {
    return joinOr(schema.type.map((type) => typeText({ ...schema, type })));
  }
  switch (schema.type) {
    case 'string':
      return schema.format === 'date-time' ? 'ISO 8601 time' : 'text';
    case 'integer':
      return `whole number${rangeText(schema)}`;
    case 'number':
      return `number${rangeText(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return `list of ${schema.items === undefined ? 'anything' : typeText(schema.items)}`;
    case 'object':
      return 'object';
    default:
      return 'anything';
  }
}

function refText(ref: string): string {
  // What is sent and what is answered differ in defaults only.
  const name = ref.slice(ref.lastIndexOf('/') + 1).replace(/Input$/, '');
  return `[${name}](#${name.toLowerCase()})`;
}

const ERROR_CODES = new Set<unknown>(Object.keys(ERRORS));

function enumText(values: readonly unknown[]): string {
  if (values.length > 10 && values.every((value) => ERROR_CODES.has(value))) return 'a [code](#errors)';
  const texts = values.map((value) => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``);
  return texts.join(', ');
}

function joinOr(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;
}

function rangeText({ minimum, maximum }: JsonSchema): string {
  const from = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const to = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (from === undefined && to === undefined) return '';
  if (to === undefined) return from === 0 ? '' : ` from ${from!.toLocaleString('en-US')}`;
  return from === undefined
    ? ` up to ${to.toLocaleString('en-US')}`
    : `, ${from.toLocaleString('en-US')} to ${to.toLocaleString('en-US')}`;
}

function withoutNull(schema: JsonSchema): JsonSchema {
  const choices = schema.anyOf ?? schema.oneOf;
  const rest = choices?.filter(({ type }) => type !== 'null');
  return rest?.length === 1 ? rest[0]! : schema;
}

function describedWithin(schema: JsonSchema): string {
  return withoutNull(schema).description ?? schema.items?.description ?? '';
}
