import { describe, expect, it } from 'vitest';
import { changeOfSettings, parameterLiterals, parseInsert, settingLiterals } from './statement-text.js';

describe('parseInsert', () => {
  it('reads what the official client writes', () => {
    expect(parseInsert('INSERT INTO sluice_g1.events FORMAT JSONEachRow')).toEqual({
      table: 'sluice_g1.events',
      format: 'JSONEachRow',
      settings: new Map(),
    });
    expect(parseInsert('INSERT INTO t (a, b) FORMAT TabSeparated')).toMatchObject({ columns: ['a', 'b'] });
  });

  it('reads settings that stand in the statement, with quotes in their values', () => {
    const query = `insert into g.events (a) settings async_insert = 0, insert_deduplication_token = 'it\\'s, b = 2' format TabSeparated`;
    expect(parseInsert(query)).toEqual({
      table: 'g.events',
      columns: ['a'],
      format: 'TabSeparated',
      settings: new Map([
        ['async_insert', '0'],
        ['insert_deduplication_token', `'it\\'s, b = 2'`],
      ]),
    });
  });

  it('leaves alone what it does not know', () => {
    for (const query of [
      'INSERT INTO t SELECT 1',
      'INSERT INTO t (* EXCEPT(a)) FORMAT JSONEachRow',
      `INSERT INTO FUNCTION null('a String') FORMAT TabSeparated`,
      'INSERT INTO t FORMAT RowBinary',
      'SELECT 1 FORMAT JSONEachRow',
    ]) {
      expect(parseInsert(query), query).toBeUndefined();
    }
  });
});

describe('changeOfSettings', () => {
  it('says nothing when nothing changes', () => {
    expect(changeOfSettings(new Map([['a', '1']]), new Map([['a', '1']]))).toBeUndefined();
  });

  it('takes back what is not wanted any more, and sets read-only last', () => {
    expect(
      changeOfSettings(
        new Map([
          ['gone', '1'],
          ['kept', '2'],
        ]),
        new Map([
          ['readonly', `'1'`],
          ['kept', '2'],
          ['fresh', `'x'`],
        ]),
      ),
    ).toBe(`SET gone = DEFAULT, fresh = 'x', readonly = '1'`);
  });
});

describe('settings and parameters', () => {
  it('are quoted', () => {
    expect(settingLiterals({ log_comment: `a'\\b`, max_threads: 2 })).toEqual(
      new Map([
        ['log_comment', `'a\\'\\\\b'`],
        ['max_threads', '2'],
      ]),
    );
    expect(parameterLiterals({ list: [`'`], none: null })).toEqual(
      new Map([
        ['list', `'[\\'\\\\\\'\\']'`],
        ['none', `'\\\\N'`],
      ]),
    );
  });

  it('are refused when their name is no name', () => {
    expect(() => settingLiterals({ 'a = 1; drop': 1 })).toThrow(RangeError);
    expect(() => parameterLiterals({ 'p = 1': 1 })).toThrow(RangeError);
  });

  it('of the HTTP interface are left out', () => {
    expect(settingLiterals({ wait_end_of_query: 1 })).toEqual(new Map());
  });
});
