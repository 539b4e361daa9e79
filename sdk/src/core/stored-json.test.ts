import { findContentFault } from '@sluice/contracts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toStoredJson, utf8Bytes } from './stored-json.js';

it('is plain JSON for well-formed text', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' })), (object) => {
      fc.pre(!JSON.stringify(object).includes('\\u0000'));
      expect(toStoredJson(object)).toBe(JSON.stringify(object));
    }),
  );
});

it('holds nothing that the server refuses in a text', () => {
  const unit = fc.constantFrom('a', '\\', 'u', 'd800', '\u0000', '\ud83d', '\ude00', '"', '\n', '\u0001');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
      const json = toStoredJson({ text });
      const parsed = JSON.parse(json) as { text: string };
      expect(findContentFault(parsed)).toBeUndefined();
      expect(parsed.text).toBe(Buffer.from(text).toString().replaceAll('\u0000', '\ufffd'));
    }),
  );
});

it('counts bytes, not characters', () => {
  expect(utf8Bytes('aü🎉')).toBe(7);
});
