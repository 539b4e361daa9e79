/** Digits that may be too many for 64 bits; also inside strings, so a match is only a reason to look closer. */
const MANY_DIGITS = /\d{19}/;

/** A string, or a whole number of 19 digits and more with the character after it. */
const STRING_OR_LONG_NUMBER = /"(?:[^"\\]|\\.)*"|(?<![\d.])(-?\d{19,})(?![\d.eE])/g;

/**
 * JSON text as the engine's parser takes it: it refuses the whole text for one whole number beyond 64 bits, which
 * `JSON.stringify` writes for every double from 2^63 up to 1e21. Such a number is written as the double it is.
 *
 * @param json What `JSON.stringify` gave.
 */
export function insertableJson(json: string): string {
  if (!MANY_DIGITS.test(json)) return json;
  return json.replace(STRING_OR_LONG_NUMBER, (found, number: string | undefined) =>
    number === undefined ? found : `${number}e0`,
  );
}
