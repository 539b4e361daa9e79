import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKafkaUrl } from './kafka-url.js';

const readFile = (path: string): string => {
  if (path.startsWith('/missing')) throw new Error('ENOENT');
  return `pem of ${path}`;
};
const parse = (url: string) => parseKafkaUrl(url, readFile);

describe('parseKafkaUrl', () => {
  it('fills in the port and the topic', () => {
    expect(parse('kafka://broker')).toEqual({
      bootstrap: [{ host: 'broker', port: 9092 }],
      topic: 'sluice-events',
    });
  });

  it('reads brokers, credentials and all parameters', () => {
    const url =
      'kafka://us%40er:p%3Ass@h1:9093,[::1]:9094,h3/?topic=t.1&partitions=12&replication=3&retention-hours=48&sasl=scram-sha-512&ca=/ca.pem&cert=/c.pem&key=/k.pem';
    expect(parse(url)).toEqual({
      bootstrap: [
        { host: 'h1', port: 9093 },
        { host: '::1', port: 9094 },
        { host: 'h3', port: 9092 },
      ],
      topic: 't.1',
      partitions: 12,
      replication: 3,
      retentionMs: 48 * 3_600_000,
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'us@er', password: 'p:ss' },
      tls: { ca: 'pem of /ca.pem', cert: 'pem of /c.pem', key: 'pem of /k.pem', rejectUnauthorized: true },
    });
  });

  it('takes any password that is percent-encoded', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: 'grapheme' }),
        fc.string({ unit: 'grapheme' }),
        (user, password) => {
          const url = `kafka://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h:1`;
          expect(parse(url).sasl).toMatchObject({ username: user, password });
        },
      ),
    );
  });

  it('encrypts when told to, and checks certificates unless told not to', () => {
    expect(parse('kafka://h?tls=1').tls).toEqual({ rejectUnauthorized: true });
    expect(parse('kafka://h?insecure=1').tls).toEqual({ rejectUnauthorized: false });
    expect(parse('kafka://h?tls=0').tls).toBeUndefined();
  });

  it.each([
    ['kafka:h:9092', 'has the form'],
    ['kafka://', 'has the form'],
    ['kafka://h:0', 'not host:port: h:0'],
    ['kafka://h:99999', 'not host:port'],
    ['kafka://h,,i', 'not host:port'],
    ['kafka://h?topic=a/b', 'a topic that Kafka does not allow: a/b'],
    ['kafka://h?partitions=0', 'partitions in the Kafka URL must be from 1'],
    ['kafka://h?partitions=1e3', 'partitions'],
    ['kafka://h?partitions=1&partitions=2', 'partitions more than once'],
    ['kafka://h?acks=1', 'the unknown parameter acks'],
    ['kafka://h?tls=yes', 'tls in the Kafka URL must be 1 or 0'],
    ['kafka://h?ca=/missing', 'the file that ca'],
    ['kafka://h?cert=/c', 'cert and key'],
    ['kafka://h?tls=0&ca=/c', 'tls=0'],
    ['kafka://h?sasl=plain', 'needs user:password@'],
    ['kafka://user@h', 'without a password'],
    ['kafka://u:secret@h?sasl=kerberos', 'must be one of'],
    ['kafka://u:%zz@h', 'percent-encoded'],
  ])('refuses %s and shows no password', (url, reason) => {
    expect(() => parse(url)).toThrow(reason);
    expect(() => parse(url)).not.toThrow(/secret/);
  });
});
