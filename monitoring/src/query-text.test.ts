import { describe, expect, it } from 'vitest';
import { clickhouseText, postgresText, promqlText, type QueryContext } from './query-text.js';

const context: QueryContext = {
  fromMs: Date.UTC(2024, 4, 1),
  toMs: Date.UTC(2024, 4, 1, 1),
  intervalSeconds: 15,
  scrapeSeconds: 15,
  variables: { project: '7', rollups: 'sluice_g3' },
};

describe('queries as Grafana sends them', () => {
  it('take a rate over four scrapes at least', () => {
    expect(promqlText('rate(a[$__rate_interval])', context)).toBe('rate(a[60s])');
    expect(promqlText('rate(a[$__rate_interval])', { ...context, intervalSeconds: 300 })).toBe(
      'rate(a[315s])',
    );
  });

  it('filter Postgres by instants', () => {
    expect(postgresText('where project_id = ${project:raw} and $__timeFilter(minute)', context)).toBe(
      "where project_id = 7 and minute BETWEEN '2024-05-01T00:00:00.000Z' AND '2024-05-01T01:00:00.000Z'",
    );
  });

  it('filter ClickHouse by seconds, of a call as of a column', () => {
    expect(
      clickhouseText('from ${rollups:raw}.sessions having $__timeFilter(min(started_at))', context),
    ).toBe(
      'from sluice_g3.sessions having min(started_at) >= toDateTime(1714521600) AND min(started_at) <= toDateTime(1714525200)',
    );
    expect(clickhouseText('$__dateFilter(day), $__interval_s', context)).toBe(
      "day >= toDate('2024-05-01') AND day <= toDate('2024-05-01'), 15",
    );
  });

  it('are refused with a variable or a macro that nobody knows', () => {
    expect(() => promqlText('a{b="${nobody}"}', context)).toThrow('${nobody}');
    expect(() => clickhouseText('$__conditionalAll(a, b)', context)).toThrow('$__conditionalAll');
  });
});
