export type PropertyType = 'string' | 'number' | 'boolean';

/** What the engine's grammar of subcolumns takes for its own: there is no way to write such a path. */
const UNREADABLE = /[\^:@]`/;

/** True when `propertyColumn` can read this path. */
export function isReadableProperty(path: readonly string[]): boolean {
  return path.length > 0 && !UNREADABLE.test(path.join('.'));
}

/**
 * The SQL expression that reads one property of `events.properties`. `path` goes from the outermost key inwards. The keys
 * can hold anything: they stand in the SQL only inside quotes.
 *
 * As `string`: strings as they are, numbers and booleans as text; null when the property is absent, null, an object or an
 * array. As `number`: the value when it is a number, else null. As `boolean`: when it is a boolean, else null.
 *
 * A key that itself holds `%2E` shares its column with the key that has a dot in that place.
 *
 * @param table Alias of the events table in the query, where the column has to say whose it is.
 * @throws RangeError when `isReadableProperty` says no: the path is empty, or a key holds a backtick after `^`, `:` or `@`.
 */
export function propertyColumn(path: readonly string[], as: PropertyType, table?: string): string {
  if (!isReadableProperty(path))
    throw new RangeError(`The property ${JSON.stringify(path)} cannot be read by itself.`);
  const column = table === undefined ? 'properties' : `${table}.properties`;
  // Dots in keys are stored like this, so that they stay apart from nesting.
  const name = path.map((key) => key.replaceAll('.', '%2E')).join('.');
  // An identifier cannot be empty; the other way to say it reads the whole column.
  const element = (type: string): string =>
    name === ''
      ? `dynamicElement(getSubcolumn(${column}, ''), '${type}')`
      : `${column}.${quoteIdentifier(name)}.:${type}`;
  switch (as) {
    case 'number':
      return `coalesce(${element('Float64')}, toFloat64(${element('Int64')}), toFloat64(${element('UInt64')}))`;
    case 'boolean':
      return element('Bool');
    case 'string': {
      const texts = ['Int64', 'Float64', 'Bool', 'UInt64'].map((type) => `toString(${element(type)})`);
      return `coalesce(${element('String')}, ${texts.join(', ')})`;
    }
  }
}

function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('\0', '\\0')}\``;
}
