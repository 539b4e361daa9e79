/**
 * The SQL expression that reads one property of `events.properties`. `path` goes from the outermost key inwards. The keys
 * are quoted here and can hold anything; they never reach the SQL unquoted.
 *
 * As `string`: the value as text (numbers and booleans as JSON writes them), null when it is absent, an object or an array.
 * As `number`: the value when it is a number, else null.
 */
export function propertyColumn(path: readonly string[], as: 'string' | 'number'): string {
  if (path.length === 0) throw new RangeError('A property path needs a key.');
  const column = `properties.${path.map(quoteKey).join('.')}`;
  return as === 'number'
    ? `multiIf(dynamicType(${column}) = 'Int64', toFloat64(${column}.:Int64), dynamicType(${column}) = 'Float64', ${column}.:Float64, dynamicType(${column}) = 'UInt64', toFloat64(${column}.:UInt64), null)`
    : `if(startsWith(dynamicType(${column}), 'Array') or dynamicType(${column}) = 'None', null, toString(${column}))`;
}

/** Keys with dots are stored escaped (`json_type_escape_dots_in_keys`), so that they stay apart from nesting. */
function quoteKey(key: string): string {
  const escaped = key.replaceAll('%', '%25').replaceAll('.', '%2E');
  return `\`${escaped.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
