import type { ClickHouseSettings } from '@clickhouse/client';
import { formatQueryParams } from '@clickhouse/client-common';

/** Settings of the HTTP interface: the client adds them by itself, and the engine knows none of them. */
const HTTP_ONLY = new Set([
  'wait_end_of_query',
  'send_progress_in_http_headers',
  'http_response_buffer_size',
  'http_headers_progress_interval_ms',
  'http_send_progress_interval_ms',
  'enable_http_compression',
  'http_zlib_compression_level',
  'http_response_compression_method',
  'http_native_compression_disable_checksumming_on_decompress',
  'default_format',
]);

/** Settings as the engine takes them, each a literal. @throws RangeError when a name is no name. */
export function settingLiterals(settings: ClickHouseSettings): Map<string, string> {
  const literals = new Map<string, string>();
  for (const [name, value] of Object.entries(settings) as [string, unknown][]) {
    if (value === undefined || HTTP_ONLY.has(name)) continue;
    checkName(name);
    literals.set(name, typeof value === 'number' ? String(value) : quoteLiteral(settingText(value)));
  }
  return literals;
}

/** The value of a query parameter, written as the HTTP interface takes it already. */
export class FormattedParameter {
  constructor(readonly text: string) {}
}

/** Query parameters as the engine takes them, each a literal. @throws RangeError when a name is no name. */
export function parameterLiterals(parameters: Record<string, unknown>): Map<string, string> {
  const literals = new Map<string, string>();
  for (const [name, value] of Object.entries(parameters)) {
    checkName(name);
    const text = value instanceof FormattedParameter ? value.text : formatQueryParams({ value });
    literals.set(name, quoteLiteral(text));
  }
  return literals;
}

/**
 * The statement that brings a session from the settings it has to those it should have. `readonly` comes last, since
 * nothing can be set after it.
 */
export function changeOfSettings(
  from: ReadonlyMap<string, string>,
  to: ReadonlyMap<string, string>,
): string | undefined {
  const changes = [...from.keys()].filter((name) => !to.has(name)).map((name) => `${name} = DEFAULT`);
  for (const [name, literal] of to) {
    if (name !== 'readonly' && from.get(name) !== literal) changes.push(`${name} = ${literal}`);
  }
  const readonly = to.get('readonly');
  if (readonly !== undefined && from.get('readonly') !== readonly) changes.push(`readonly = ${readonly}`);
  return changes.length === 0 ? undefined : `SET ${changes.join(', ')}`;
}

const LITERAL = String.raw`\d+|'(?:[^'\\]|\\.)*'`;
const SETTING = String.raw`\w+\s*=\s*(?:${LITERAL})`;
const TARGET = String.raw`(?:FUNCTION\s+\w+\(\s*'(?:[^'\\]|\\.)*'\s*\)|[\w.]+)(?:\s*\([\w\s,]+\))?`;
const INSERT = new RegExp(
  String.raw`^\s*(INSERT\s+INTO\s+${TARGET})` +
    String.raw`((?:\s+SETTINGS\s+${SETTING}(?:\s*,\s*${SETTING})*)?\s+FORMAT\s+\w+)\s*$`,
  'is',
);

/**
 * An INSERT whose rows come after it, as one whose rows come from a file; undefined when it is another statement, or has
 * parts that are not known here.
 */
export function insertFromFile(query: string, path: string): string | undefined {
  const [, target, rest] = INSERT.exec(query) ?? [];
  return target === undefined || rest === undefined
    ? undefined
    : `${target} FROM INFILE ${quoteLiteral(path)}${rest}`;
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`;
}

function settingText(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  // Maps of settings come as an object that prints itself as the engine wants it.
  return String(value);
}

function checkName(name: string): void {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new RangeError(`${JSON.stringify(name)} is not the name of a setting`);
}
