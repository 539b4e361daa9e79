import { PROPERTY_TYPES, propertyPathSchema, type PropertyPath } from '@sluice/contracts';
import { isReadableProperty } from '@sluice/warehouse';

/** A stored path as questions name it; undefined where no question can. */
export function propertyOf(storedPath: string): PropertyPath | undefined {
  const keys = storedPath.split('.').map((key) => key.replaceAll('%2E', '.'));
  const path = keys.length === 1 ? keys[0]! : keys;
  return propertyPathSchema.safeParse(path).success && isReadableProperty(keys) ? path : undefined;
}

type PropertyType = (typeof PROPERTY_TYPES)[number];

const TYPES: Readonly<Record<string, PropertyType>> = {
  String: 'string',
  Int64: 'number',
  UInt64: 'number',
  Float64: 'number',
  Bool: 'boolean',
};

/** What the engine calls values, as JSON does, in a fixed order. */
export function typesOf(storedTypes: readonly string[]): PropertyType[] {
  const found = new Set(
    storedTypes.map((type) => TYPES[type] ?? (type.startsWith('Array(') ? 'array' : 'other')),
  );
  return PROPERTY_TYPES.filter((type) => found.has(type));
}
