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
  const day = Math.floor(ms / DAY_MS);
  const within = ms - day * DAY_MS;
  const seconds = Math.floor(within / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return (
    `${encodeDay(day)} ${TWO_DIGITS[hours]!}:${TWO_DIGITS[minutes % 60]!}:${TWO_DIGITS[seconds % 60]!}.` +
    String(1_000 + (within % 1_000)).slice(1)
  );
}

const DAY_MS = 86_400_000;
const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

/** Neighbouring rows are of one day, nearly always: its text is worth remembering. */
const lastDay = { number: NaN, text: '' };

function encodeDay(number: number): string {
  if (number !== lastDay.number) {
    lastDay.text = new Date(number * DAY_MS).toISOString().slice(0, 10);
    lastDay.number = number;
  }
  return lastDay.text;
}

export const NIL_UUID = '00000000-0000-0000-0000-000000000000';
