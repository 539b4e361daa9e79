import { readSetting } from '@sluice/service-kit';
import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

export interface StoreUrls {
  eventLog: string;
  postgres: string;
  clickhouse: string;
}

/**
 * Where an instance's stores are: as the environment says (also by NAME_FILE), else embedded in the data directory. Embedded paths come out
 * absolute, so that every process means the same folder.
 */
export function storeUrls(dataDir: string, environment: NodeJS.ProcessEnv): StoreUrls {
  const choose = (variable: string, folder: string): string => {
    const url = readSetting(environment, variable, (path) => readFileSync(path, 'utf8')) ?? '';
    if (url === '') return `embedded:${join(resolve(dataDir), folder)}`;
    const path = embeddedDir(url);
    return path === undefined || isAbsolute(path) ? url : `embedded:${resolve(path)}`;
  };
  return {
    eventLog: choose('EVENT_LOG_URL', 'log'),
    postgres: choose('POSTGRES_URL', 'postgres'),
    clickhouse: choose('CLICKHOUSE_URL', 'clickhouse'),
  };
}

/** The folder of an `embedded:` address; undefined for a server's. */
export function embeddedDir(url: string): string | undefined {
  return url.startsWith('embedded:') ? url.slice('embedded:'.length) : undefined;
}
