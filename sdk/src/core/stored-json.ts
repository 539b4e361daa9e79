const encoder = new TextEncoder();

/**
 * The JSON of a message as it is stored and sent. What the server would refuse in a text, lone surrogates (an emoji cut
 * in two) and NUL, becomes U+FFFD.
 * @throws TypeError for what JSON cannot hold: cycles and big integers
 */
export function toStoredJson(message: object): string {
  // Well-formed text is never written as an escape of a surrogate, so each one found is alone.
  return JSON.stringify(message).replace(/\\(ud...|u0000|.)/g, (escape, what: string) =>
    what[1] ? '\\ufffd' : escape,
  );
}

/** Bytes of a text in UTF-8. */
export function utf8Bytes(text: string): number {
  // Most messages are ASCII, and looking costs less than encoding.
  return /[\u0080-\uffff]/.test(text) ? encoder.encode(text).length : text.length;
}
