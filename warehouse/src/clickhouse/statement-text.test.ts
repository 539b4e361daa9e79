import { describe, expect, it } from 'vitest';
import { changeOfSettings, insertFromFile, parameterLiterals, settingLiterals } from './statement-text.js';

describe('insertFromFile', () => {
  it('takes what the official client writes', () => {
    expect(insertFromFile('INSERT INTO sluice_g1.events FORMAT JSONEachRow', '/d/1')).toBe(
      `INSERT INTO sluice_g1.events FROM INFILE '/d/1' FORMAT JSONEachRow`,
    );
    expect(insertFromFile('INSERT INTO t (a, b) FORMAT RowBinary', `/it's/1`)).toBe(
      `INSERT INTO t (a, b) FROM INFILE '/it\\'s/1' FORMAT RowBinary`,
    );
  });

  it('leaves settings where they are, whatever their values hold', () => {
    const settings = `settings async_insert = 0, insert_deduplication_token = 'it\\'s, b = 2 format x'`;
    expect(insertFromFile(`insert into g.events (a) ${settings} format TabSeparated\n`, '/f')).toBe(
      `insert into g.events (a) FROM INFILE '/f' ${settings} format TabSeparated`,
    );
  });

  it('takes table functions', () => {
    const target = `insert into function null('properties JSON(max_dynamic_paths = 8)')`;
    expect(insertFromFile(`${target} format TabSeparated`, '/f')).toBe(
      `${target} FROM INFILE '/f' format TabSeparated`,
    );
  });

  it('leaves alone what it does not know', () => {
    for (const query of [
      'INSERT INTO t SELECT 1',
      'INSERT INTO t (* EXCEPT(a)) FORMAT JSONEachRow',
      `INSERT INTO t SELECT * FROM input('a String') FORMAT TabSeparated`,
      'SELECT 1 FORMAT JSONEachRow',
    ]) {
      expect(insertFromFile(query, '/f'), query).toBeUndefined();
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
