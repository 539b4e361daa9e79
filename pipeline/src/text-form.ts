const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A value in the tab-separated text form that Postgres's COPY and ClickHouse's TabSeparated share. */
export function encodeText(value: string | null): string {
  if (value === null) return '\\N';
  return SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (found) => ESCAPES[found]!) : value;
}

/** JSON text holds no control characters of its own, so that only its backslashes need care. */
export function encodeJson(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}

/** `YYYY-MM-DD HH:MM:SS.mmm` in UTC, which both databases read. */
export function encodeTime(ms: number): string {
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
}

export const NIL_UUID = '00000000-0000-0000-0000-000000000000';
