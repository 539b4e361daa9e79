import { describe, expect, it } from 'vitest';
import { namedCommands } from './check-flags.js';
import { compareShape, missingLines } from './compare-shape.js';
import { faultOfOutcome } from './run-shell.js';

describe('compareShape', () => {
  it('takes other values of the same types, and more fields, as the same', () => {
    const { faults } = compareShape({ a: 1, b: [{ c: 'x' }] }, { a: 2, b: [{ c: 'y', d: 1 }, 3], e: null });
    expect(faults).toEqual([]);
  });

  it('says what is missing and what is of another type', () => {
    expect(compareShape({ a: 1, b: [1, 2], c: 'x' }, { a: null, b: [1] }).faults).toEqual([
      'a is null and not number',
      'b has 1 elements and not 2',
      'c is missing',
    ]);
  });

  it('says which names an instance has in place of those that are shown', () => {
    expect(compareShape({ watermark: '1:1' }, { watermark: '1:9' }).renamed).toEqual([
      { shown: '1:1', actual: '1:9' },
    ]);
  });
});

describe('missingLines', () => {
  it('compares words and not numbers, and lets … stand for any lines', () => {
    expect(missingLines('sent  2,000\n…\nkey wk_…', 'sent 17\nother\nkey wk_abc-1')).toEqual([]);
    expect(missingLines('sent 1\nlost 0', 'lost 0\nsent 1')).toEqual(['lost 0']);
  });
});

describe('faultOfOutcome', () => {
  it('takes an answer with an error for a failure, though curl does not', () => {
    const error = '{"code":"invalid_query","retryable":false}';
    expect(faultOfOutcome({ exitCode: 0, stdout: error, stderr: '' })).toContain('invalid_query');
    expect(faultOfOutcome({ exitCode: 0, stdout: `{"a":[{"b":1},{}]}${error}`, stderr: '' })).toContain(
      'invalid',
    );
    expect(
      faultOfOutcome({ exitCode: 0, stdout: '{"kind":"trends"}{"ok":true}', stderr: '' }),
    ).toBeUndefined();
    expect(faultOfOutcome({ exitCode: 2, stdout: '', stderr: 'no' })).toBe('exits with 2: no');
  });
});

describe('namedCommands', () => {
  const files = new Map([
    ['sluice', 's.js'],
    ['bench', 'b.js'],
    ['start', 's.js'],
  ]);

  it('finds our commands with what they are given', () => {
    expect(namedCommands('A=$(npm run --silent sluice -- keys create --kind admin)', files)).toEqual([
      { file: 's.js', subcommands: ['keys', 'create'], flags: ['--kind'] },
    ]);
    expect(namedCommands('npm run bench -- storage --events 5 && npm start -- --api-port 1', files)).toEqual([
      { file: 'b.js', subcommands: ['storage'], flags: ['--events'] },
      { file: 's.js', subcommands: ['start'], flags: ['--api-port'] },
    ]);
    expect(namedCommands('sluice dead-letters list', files)).toEqual([
      { file: 's.js', subcommands: ['dead-letters', 'list'], flags: [] },
    ]);
  });
});
