import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCensor, secretsOf } from './censor.js';

describe('secretsOf', () => {
  it.each([
    ['postgres://ann:hunter22@db:5432/sluice?sslmode=require', 'hunter22'],
    ['https://ann:p%40ss%2Fword@ch:8443/?cluster=main', 'p@ss/word'],
    ['kafka://ann:hunter22@a:9092,b:9092?topic=t', 'hunter22'],
    ['redis://:hunter22@cache:6379', 'hunter22'],
    ['postgres://ann:not/an@address:hunter22@[db/x', 'not/an@address:hunter22'],
    ['postgres://db/sluice?user=ann&password=hunter22', 'hunter22'],
  ])('finds the password of %s', (address, password) => {
    const censor = createCensor(secretsOf({ SOME_URL: address }));
    expect(censor(`it failed for ${password}`)).toBe('it failed for [redacted]');
    expect(censor(JSON.stringify({ input: address }))).not.toContain(password);
  });

  it('takes what is named a secret for one, and nothing of addresses without a password', () => {
    expect(
      secretsOf({ METRICS_TOKEN: 'abcdefgh', HOST: '0.0.0.0', PORT: 8001, PUBLIC_URL: 'https://a.example' }),
    ).toEqual(['abcdefgh']);
  });
});

describe('createCensor', () => {
  it('leaves no secret in a text, in JSON, percent-encoded or in base64, whatever the secret is made of', () => {
    const secret = fc
      .string({ unit: 'grapheme', minLength: 6, maxLength: 30 })
      .filter((text) => !'[redacted]'.includes(text));
    fc.assert(
      fc.property(secret, fc.string(), (password, around) => {
        const censor = createCensor([password]);
        const told = censor(
          [
            around,
            password,
            JSON.stringify({ password }),
            encodeURIComponent(password),
            Buffer.from(password).toString('base64'),
          ].join(' '),
        );
        expect(told.replaceAll('[redacted]', '').includes(password) && !around.includes(password)).toBe(
          false,
        );
      }),
    );
  });
});
