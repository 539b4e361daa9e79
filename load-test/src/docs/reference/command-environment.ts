/** What commands and tests, which have no schema of settings, read from the environment. A test looks them up in the sources. */
export const COMMAND_ENVIRONMENT: readonly { name: string; of: string; meaning: string }[] = [
  {
    name: 'SLUICE_DATA_DIR',
    of: '`npm start`, `sluice`, `generate`, `steady`, `verify:delivery`',
    meaning: 'Folder of the embedded stores and of `sluice.json`. Default `./data`.',
  },
  {
    name: 'SLUICE_GATEWAY_URL',
    of: '`generate`, `steady`, `verify:delivery`',
    meaning: 'Where events are sent. Default: the instance of the data directory.',
  },
  {
    name: 'SLUICE_WRITE_KEY',
    of: '`generate`, `steady`, `verify:delivery`',
    meaning: 'With which key. Default: the one of the data directory.',
  },
  {
    name: 'SLUICE_API_URL',
    of: '`verify:delivery`',
    meaning: 'Where what was sent is asked for. Default: the instance of the data directory.',
  },
  {
    name: 'SLUICE_READ_KEY',
    of: '`verify:delivery`',
    meaning: 'With which key. Default: the one of the data directory.',
  },
  {
    name: 'SLUICE_GATEWAY_PASSWORD',
    of: '`sluice migrate`',
    meaning: "Makes the gateway's login in Postgres, with this password. Also by `_FILE`.",
  },
  {
    name: 'SLUICE_PIPELINE_PASSWORD',
    of: '`sluice migrate`',
    meaning: "Makes the pipeline's logins in both stores, with this password. Also by `_FILE`.",
  },
  {
    name: 'SLUICE_API_PASSWORD',
    of: '`sluice migrate`',
    meaning: "Makes the analytics API's logins in both stores, with this password. Also by `_FILE`.",
  },
  {
    name: 'SLUICE_READONLY_PASSWORD',
    of: '`sluice migrate`',
    meaning:
      'Makes the logins of dashboards and analysts, who only read, with this password. Also by `_FILE`.',
  },
  {
    name: 'TEST_POSTGRES_URL',
    of: '`npm test`',
    meaning: 'A Postgres for the tests, in place of one they start themselves.',
  },
  {
    name: 'TEST_CLICKHOUSE_URL',
    of: '`npm test`',
    meaning: 'A ClickHouse for the tests, in place of the embedded engine.',
  },
  {
    name: 'KAFKA_BROKERS',
    of: '`npm test`',
    meaning: '`host:port` of a broker for the tests of Kafka, in place of one they start themselves.',
  },
  {
    name: 'CHROMIUM_PATH',
    of: '`npm test`, `verify:clients`, `verify:sdk-faults`, `verify:docs`',
    meaning: 'The browser for what needs one. Default: the one that is installed.',
  },
];
