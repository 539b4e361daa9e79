import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { labelsIn, markOf } from './markers.js';

const json = JSON.stringify({
  batch: [1, 2].map((n) => ({ event: 'e', properties: { marker: markOf('r1', n) } })),
});

describe('labelsIn', () => {
  it.each([
    ['plain JSON', Buffer.from(json)],
    ['gzip', gzipSync(json)],
    ['a form', Buffer.from(new URLSearchParams({ data: json }).toString())],
    [
      'a form with base64',
      Buffer.from(new URLSearchParams({ data: Buffer.from(json).toString('base64') }).toString()),
    ],
  ])('finds every event in %s', (_form, body) => {
    expect(labelsIn(body, 'r1')).toEqual(['1', '2']);
  });

  it('counts copies in one body', () => {
    expect(labelsIn(Buffer.from(`${json}${json}`), 'r1')).toEqual(['1', '2', '1', '2']);
  });

  it('leaves out events of other runs', () => {
    expect(labelsIn(Buffer.from(json), 'r2')).toEqual([]);
  });
});
