import { keyOfPerson, type ActiveDays } from '@sluice/models/churn';

/**
 * Reads the purchases of CDNOW as Fader and Hardie publish them: in lines of customer, date (YYYYMMDD), CDs and dollars. In the
 * sample a second number of the customer stands before the date; the master has none. Columns are apart by blanks, tabs or
 * commas; one line of names may come first. Purchases of one day are one, with their CDs and dollars added.
 *
 * @throws Error that names the first line which cannot be read
 */
export function readCdnow(text: string): ActiveDays[] {
  const customers = new Map<string, Map<number, { discs: number; dollars: number }>>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const purchase = readLine(line);
    if (purchase === null) {
      if (index === 0 && /[a-z]/i.test(line)) continue;
      throw new Error(`Line ${index + 1} is no purchase: ${line.trim().slice(0, 80)}`);
    }
    const { customer, day, discs, dollars } = purchase;
    let days = customers.get(customer);
    if (days === undefined) {
      days = new Map();
      customers.set(customer, days);
    }
    const before = days.get(day);
    days.set(day, {
      discs: discs + (before?.discs ?? 0),
      dollars: dollars + (before?.dollars ?? 0),
    });
  }
  return [...customers].map(([customer, byDay]) => {
    const days = [...byDay.keys()].sort((one, other) => one - other);
    return {
      key: keyOfPerson(customer),
      days,
      events: days.map((day) => byDay.get(day)!.discs),
      values: days.map((day) => byDay.get(day)!.dollars),
    };
  });
}

function readLine(line: string): { customer: string; day: number; discs: number; dollars: number } | null {
  const fields = line
    .trim()
    .split(/[\s,;]+/)
    .map((field) => field.replace(/^"(.*)"$/, '$1'));
  if (fields.length !== 4 && fields.length !== 5) return null;
  const [date, discs, dollars] = fields.slice(-3);
  const day = dayOf(date!);
  if (!/^\d+$/.test(fields[0]!) || day === null) return null;
  if (!/^\d+$/.test(discs!) || !/^\d*\.?\d+$/.test(dollars!)) return null;
  return { customer: fields[0]!, day, discs: Number(discs), dollars: Number(dollars) };
}

/** Days since 1970 of `19970131` or `1997-01-31`; null: it is no day. */
export function dayOf(date: string): number | null {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})$/.exec(date);
  if (match === null) return null;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const time = new Date(Date.UTC(year, month - 1, day));
  return time.getUTCMonth() === month - 1 && time.getUTCDate() === day ? time.getTime() / 86_400_000 : null;
}
