import { runService, integerSetting, serviceSettings } from '@sluice/service-kit';
import { openEngineConnection } from '@sluice/warehouse/testing';
import { z } from 'zod';
import { startClickHouseBridge } from './clickhouse-bridge.js';

const usersSchema = z.record(
  z.string(),
  z.object({ password: z.string(), readOnly: z.boolean().optional() }),
);

const bridgeSettings = z.object({
  ...serviceSettings,
  PORT: integerSetting(8123, { max: 65_535 }).describe('Port of the HTTP interface.'),
  DATA_DIR: z.string().describe('Folder of the engine.'),
  USERS: z
    .string()
    .transform((text) => usersSchema.parse(JSON.parse(text)))
    .describe('{"NAME":{"password":"…","readOnly":true}} as JSON.'),
});

/** Each running statement takes a thread of Node's pool: the process is started with UV_THREADPOOL_SIZE above their sum. */
const CONCURRENCY = { reads: 8, writes: 4 };

await runService('clickhouse-bridge', bridgeSettings, async (config, { log }) => {
  const engine = await openEngineConnection(config.DATA_DIR, CONCURRENCY);
  const bridge = await startClickHouseBridge({
    engine,
    users: config.USERS,
    host: config.HOST,
    port: config.PORT,
  });
  log.info({ port: bridge.port }, 'the engine answers over HTTP');
  return bridge;
});
