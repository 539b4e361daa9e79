/** Takes secrets out of a text that people or machines will read. */
export type Censor = (text: string) => string;

const CENSORED = '[redacted]';
/** A shorter one would be found in half of all words: it is no secret. */
const SHORTEST = 4;
const SECRET_NAME = /(password|passwd|secret|token|key)$/i;

/**
 * What must not be read of settings: passwords in addresses, as they are written and as they are meant, and whole values of
 * settings that are named after what they are. An address that cannot be read is a secret as a whole: nobody knows where
 * its password ends.
 */
export function secretsOf(settings: Readonly<Record<string, unknown>>): string[] {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value !== 'string' || value === '') continue;
    if (SECRET_NAME.test(name)) secrets.add(value);
    else if (value.includes('://')) for (const secret of secretsOfAddress(value)) secrets.add(secret);
  }
  return [...secrets].filter((secret) => secret.length >= SHORTEST);
}

function secretsOfAddress(text: string): string[] {
  // Between the first `://` and the last `@`: several hosts or a slash in the password are no address to `URL`.
  const userinfo = /:\/\/(.*)@/s.exec(text)?.[1];
  const written = userinfo === undefined ? [] : [userinfo.slice(userinfo.indexOf(':') + 1)];
  let address: URL;
  try {
    address = new URL(text);
  } catch {
    return [text, ...written, ...written.map(meantBy)];
  }
  const inQuery = [...address.searchParams]
    .filter(([name]) => SECRET_NAME.test(name))
    .map(([, value]) => value);
  return [address.password, ...written, ...inQuery].flatMap((secret) => [secret, meantBy(secret)]);
}

function meantBy(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces each secret wherever it stands, also as it is written in JSON and in base64. */
export function createCensor(secrets: readonly string[]): Censor {
  const forms = new Set<string>();
  for (const secret of secrets) {
    forms.add(secret).add(JSON.stringify(secret).slice(1, -1)).add(encodeURIComponent(secret));
    forms.add(Buffer.from(secret).toString('base64').replace(/=+$/, ''));
  }
  // The longest first: one may be a part of another.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  if (ordered.length === 0) return (text) => text;
  return (text) =>
    ordered.reduce((rest, form) => (rest.includes(form) ? rest.split(form).join(CENSORED) : rest), text);
}
