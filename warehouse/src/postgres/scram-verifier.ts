import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** The server's own default. */
const ITERATIONS = 4_096;

/**
 * What Postgres keeps of a password (RFC 5803), made here, so that the password itself is in no statement and in no log of
 * the server.
 * @throws RangeError for a password that is empty or not plain ASCII: others would have to be prepared as RFC 4013 says.
 */
export function scramVerifierOf(password: string, salt: Buffer = randomBytes(16)): string {
  if (!/^[\x20-\x7e]+$/.test(password))
    throw new RangeError('A password is made of printable ASCII characters.');
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
