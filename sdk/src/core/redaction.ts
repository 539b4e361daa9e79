const REDACTED = '[redacted]';

/** Parameters whose name says that the value is nobody's business. */
const SECRET_PARAMETER =
  /([?&#;](?:[^=&#;]*(?:token|passw|pwd|secret|api_?-?key|auth|jwt|signature|e-?mail|session)[^=&#;]*|code|key|sig|pass)=)[^&#;]*/gi;
/** E-mail addresses, also with an escaped @, and JSON Web Tokens, wherever they stand. */
const SECRET_VALUE = /[^/?&=#;:\s]+(?:@|%40)[^/?&=#;:\s]+\.[a-z]{2,}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/gi;

/** An address without credentials, secret parameters, e-mail addresses and tokens. */
export function redactUrl(url: string): string {
  return url
    .replace(/(\/\/)[^/?#]*@/g, '$1')
    .replace(SECRET_PARAMETER, `$1${REDACTED}`)
    .replace(SECRET_VALUE, REDACTED);
}
