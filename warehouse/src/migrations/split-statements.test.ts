import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitStatements } from './split-statements.js';

describe('splitStatements', () => {
  it('cuts at the semicolons between statements and leaves comments out', () => {
    expect(
      splitStatements(`
        -- first; not yet
        create table a (x UInt8); -- it's; done
        /* drop table a; */
        select 1 - 2 / 3;
      `),
    ).toEqual(['create table a (x UInt8)', 'select 1 - 2 / 3']);
  });

  it('leaves semicolons and dashes in strings and quoted names alone', () => {
    const statement = `select 'a;b''c--', 'it\\'s;', "d;\\"", \`e;\\\`--\` from t`;
    expect(splitStatements(`${statement};${statement}`)).toEqual([statement, statement]);
  });

  it('gives back statements that were joined, whatever strings they hold', () => {
    const text = fc.string({ unit: fc.constantFrom("'", ';', '"', '`', '-', '/', '*', '\\', 'a', '\n') });
    const statement = text.map((raw) => `select '${raw.replace(/['\\]/g, (c) => `\\${c}`)}'`);
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        expect(splitStatements(statements.join(';\n-- ; next\n'))).toEqual(statements);
      }),
    );
  });
});
