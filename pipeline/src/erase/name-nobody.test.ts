import { describe, expect, it } from 'vitest';
import { nameNobody } from './name-nobody.js';

describe('a note without an erased person', () => {
  it('loses an id that stands alone, and keeps words that begin with it', () => {
    expect(nameNobody.inText('ann called; annual report, ann@x', ['ann'])).toBe(
      '[erased] called; annual report, [erased]@x',
    );
  });

  it('loses the longer of two ids as a whole, and ids that are no words', () => {
    expect(nameNobody.inText('a.b+c@x.io (a.b)', ['a.b', 'a.b+c@x.io'])).toBe('[erased] ([erased])');
  });

  it('loses values of JSON that are the id, wherever they stand, and comes back as it was otherwise', () => {
    expect(nameNobody.inJson('{"values": ["ann", "annual"], "ann": 1}', ['ann'])).toBe(
      '{"values":["[erased]","annual"],"ann":1}',
    );
    expect(nameNobody.inJson('{ "values": ["bob"] }', ['ann'])).toBe('{ "values": ["bob"] }');
  });
});
