import { describe, expect, it } from 'vitest';
import { scramVerifierOf } from './scram-verifier.js';

describe('scramVerifierOf', () => {
  it('is what the example of RFC 7677 exchanges: user `user`, password `pencil`', () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    expect(scramVerifierOf('pencil', salt)).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  it('differs each time, and never holds the password', () => {
    expect(scramVerifierOf('a password')).not.toBe(scramVerifierOf('a password'));
    expect(scramVerifierOf('a password')).not.toContain('password');
  });

  it.each(['', 'naïve', 'a\nb'])('refuses %j, which it could not prepare', (password) => {
    expect(() => scramVerifierOf(password)).toThrow(RangeError);
  });
});
