import { byteAt, COLON, DOT, isDigit, MINUS, ZERO } from './bytes';

const MS_PER_DAY: f64 = 86_400_000;

/**
 * Milliseconds since the epoch of `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)` between `at` and `end`, digits beyond
 * milliseconds dropped; NaN for every other form, which the slow path may still know.
 */
export function readTimestamp(at: usize, end: usize): f64 {
  const length = end - at;
  if (length < 20 || length > 35) return NaN;
  if (byteAt(at + 4) != MINUS || byteAt(at + 7) != MINUS || byteAt(at + 10) != 0x54) return NaN;
  if (byteAt(at + 13) != COLON || byteAt(at + 16) != COLON) return NaN;
  const century = twoDigits(at);
  const yearOfCentury = twoDigits(at + 2);
  const month = twoDigits(at + 5);
  const day = twoDigits(at + 8);
  const hour = twoDigits(at + 11);
  const minute = twoDigits(at + 14);
  const second = twoDigits(at + 17);
  if ((century | yearOfCentury | month | day | hour | minute | second) < 0) return NaN;
  // 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return NaN;
  const year = century * 100 + yearOfCentury;
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return NaN;

  let rest = at + 19;
  let ms = 0;
  if (byteAt(rest) == DOT) {
    const fraction = ++rest;
    let scale = 100;
    while (isDigit(byteAt(rest))) {
      ms += <i32>(byteAt(rest) - ZERO) * scale;
      scale /= 10;
      rest++;
    }
    const digits = rest - fraction;
    if (digits < 1 || digits > 9) return NaN;
  }
  const instant =
    <f64>daysFromEpoch(year, month, day) * MS_PER_DAY +
    <f64>(((hour * 60 + minute) * 60 + second) * 1_000 + ms);
  const sign = byteAt(rest);
  if (sign == 0x5a) return rest + 1 == end ? instant : NaN;
  if ((sign != 0x2b && sign != MINUS) || rest + 6 != end || byteAt(rest + 3) != COLON) return NaN;
  const offsetHours = twoDigits(rest + 1);
  const offsetMinutes = twoDigits(rest + 4);
  if ((offsetHours | offsetMinutes) < 0 || offsetHours > 23 || offsetMinutes > 59) return NaN;
  const offsetMs = <f64>((offsetHours * 60 + offsetMinutes) * 60_000);
  return sign == MINUS ? instant + offsetMs : instant - offsetMs;
}

/** Negative when there are none. */
function twoDigits(at: usize): i32 {
  const tens = byteAt(at) - ZERO;
  const ones = byteAt(at + 1) - ZERO;
  return tens > 9 || ones > 9 ? -1 : <i32>tens * 10 + <i32>ones;
}

function daysOfMonth(year: i32, month: i32): i32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar: years run from March, eras have 400 of them. */
function daysFromEpoch(year: i32, month: i32, day: i32): i32 {
  const y = month <= 2 ? year - 1 : year;
  // The year 0 before March belongs to the era before.
  const era = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
