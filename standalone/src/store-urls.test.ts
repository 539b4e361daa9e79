import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { storeUrls } from './store-urls.js';

describe('storeUrls', () => {
  it('puts what the environment does not name into the data directory, as absolute paths', () => {
    expect(storeUrls('./data', {})).toEqual({
      eventLog: `embedded:${resolve('data/log')}`,
      postgres: `embedded:${resolve('data/postgres')}`,
      clickhouse: `embedded:${resolve('data/clickhouse')}`,
    });
  });

  it('takes servers from the environment as they are', () => {
    const urls = storeUrls('/d', { EVENT_LOG_URL: 'kafka://a:9092', POSTGRES_URL: 'postgres://b/c' });
    expect(urls.eventLog).toBe('kafka://a:9092');
    expect(urls.postgres).toBe('postgres://b/c');
    expect(urls.clickhouse).toBe('embedded:/d/clickhouse');
  });

  it('makes a relative embedded path of the environment absolute', () => {
    expect(storeUrls('/d', { EVENT_LOG_URL: 'embedded:./log' }).eventLog).toBe(`embedded:${resolve('log')}`);
  });
});
