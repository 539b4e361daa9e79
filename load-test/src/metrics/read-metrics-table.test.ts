import { describe, expect, it } from 'vitest';
import { readMetricsTable } from './read-metrics-table.js';

const HEAD = `text

| name | type | labels | unit | service | meaning | when to look |
| ---- | ---- | ------ | ---- | ------- | ------- | ------------ |
`;

describe('the table of metrics', () => {
  it('is read with its labels, their words and their lists', () => {
    const rows = [
      '| `a_total` | counter | `code`: ok, _error code_; `stage`: in, out | requests | gateway | what | when |',
      '| `process_*` | default | default | | every | the process | |',
    ];
    expect(readMetricsTable(`${HEAD}${rows.join('\n')}\n\n| another | table |\n`)).toEqual([
      {
        name: 'a_total',
        type: 'counter',
        labels: [
          { name: 'code', values: ['ok'], lists: ['error code'] },
          { name: 'stage', values: ['in', 'out'], lists: [] },
        ],
        unit: 'requests',
        service: 'gateway',
        meaning: 'what',
      },
      { name: 'process_*', type: 'default', labels: [], unit: '', service: 'every', meaning: 'the process' },
    ]);
  });

  it.each([
    ['no table', 'nothing'],
    ['no row of metrics', `${HEAD}| a | counter | | | gateway | | |`],
    ['no row of metrics', `${HEAD}| \`a\` | counter | | | elsewhere | | |`],
    ['no label', `${HEAD}| \`a\` | gauge | code | | gateway | | |`],
    ['twice', `${HEAD}| \`a\` | gauge | | | gateway | | |\n| \`a\` | gauge | | | gateway | | |`],
  ])('is refused with %s', (problem, text) => {
    expect(() => readMetricsTable(text)).toThrow(problem);
  });
});
