import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableWith } from './table.js';
import { writeCsv } from './write-csv.js';

const texts = (...values: (string | null)[]) =>
  writeCsv(
    tableWith(
      { a: 'text' },
      values.map((a) => ({ a })),
    ),
  );

/** RFC 4180, read letter by letter. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[(at += 1)]!;
      else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === ',') {
      row.push(cell);
      cell = '';
    } else if (letter === '\r' && text[at + 1] === '\n') {
      at += 1;
      rows.push([...row, cell]);
      row = [];
      cell = '';
    } else cell += letter;
  }
  return rows;
}

describe('CSV', () => {
  it('quotes what needs it, ends lines with CR LF and tells nothing from empty text', () => {
    expect(texts('plain', 'a,b', 'say "hi"', 'two\nlines', '', null)).toBe(
      ['a', 'plain', '"a,b"', '"say ""hi"""', '"two\nlines"', '""', '', ''].join('\r\n'),
    );
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '\n@x', '＝1', '=HYPERLINK("http://x")'])(
    'puts an apostrophe before %j',
    (text) => {
      expect(readCsv(texts(text))[1]).toEqual([`'${text}`]);
    },
  );

  it('leaves numbers as they are', () => {
    const table = tableWith({ n: 'number', d: 'decimal', b: 'boolean' }, [{ n: -1.5, d: '-2.50', b: false }]);
    expect(writeCsv(table)).toBe('n,d,b\r\n-1.5,-2.50,false\r\n');
  });

  it('reads back as what it was, but for the apostrophes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string())), (pairs) => {
        const table = tableWith(
          { a: 'text', b: 'text' },
          pairs.map(([a, b]) => ({ a, b })),
        );
        const read = readCsv(writeCsv(table)).slice(1);
        expect(read).toHaveLength(pairs.length);
        for (const [index, cells] of read.entries()) {
          for (const [column, cell] of cells.entries()) {
            const text = pairs[index]![column]!;
            expect([text, `'${text}`]).toContain(cell);
            expect(cell).not.toMatch(/^\s*[=+\-@]/);
          }
        }
      }),
    );
  });
});
