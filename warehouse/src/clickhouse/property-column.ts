import { quoteLiteral } from './statement-text.js';

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
 * @throws RangeError when the path is empty.
 */
export function propertyColumn(
  path: readonly string[],
  as: 'string' | 'number' | 'boolean',
  table?: string,
): string {
  if (path.length === 0) throw new RangeError('A property path needs a key.');
  const element = elementReader(path, table === undefined ? 'properties' : `${table}.properties`);
  switch (as) {
    case 'number':
      return `coalesce(${element('Float64')}, toFloat64(${element('Int64')}), toFloat64(${element('UInt64')}))`;
    case 'boolean':
      return element('Bool');
    case 'string': {
      const texts = ['Int64', 'Float64', 'Bool', 'UInt64'].map((type) => `toString(${element(type)})`);
      return `coalesce(${[element('String'), ...texts].join(', ')})`;
    }
  }
}

/** What the engine's grammar of subcolumns would take for its own: the path is then read from the JSON text, slowly. */
const UNREADABLE_AS_COLUMN = /[\^:@]`/;

function elementReader(path: readonly string[], column: string): (type: string) => string {
  // Dots in keys are stored like this, so that they stay apart from nesting.
  const keys = path.map((key) => key.replaceAll('.', '%2E'));
  const name = keys.join('.');
  if (name === '' || UNREADABLE_AS_COLUMN.test(name)) {
    const value = `JSONExtract(toJSONString(${column}), ${keys.map(quoteLiteral).join(', ')}, 'Dynamic')`;
    return (type) => `dynamicElement(${value}, '${type}')`;
  }
  return (type) => `${column}.${quoteIdentifier(name)}.:${type}`;
}

function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('\0', '\\0')}\``;
}
