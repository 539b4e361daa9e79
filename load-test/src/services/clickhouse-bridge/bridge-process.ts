import { integerSetting, readConfig } from '@sluice/service-kit';
import { openEngineConnection } from '@sluice/warehouse/testing';
import { z } from 'zod';
import { startClickHouseBridge } from './clickhouse-bridge.js';

const usersSchema = z.record(
  z.string(),
  z.object({ password: z.string(), readOnly: z.boolean().optional() }),
);

const bridgeSettings = z.object({
  PORT: integerSetting(8123, { max: 65_535 }).describe('Port of the HTTP interface, on 127.0.0.1.'),
  DATA_DIR: z.string().describe('Folder of the engine.'),
  USERS: z
    .string()
    .transform((text) => usersSchema.parse(JSON.parse(text)))
    .describe('{"NAME":{"password":"…","readOnly":true}} as JSON.'),
});

/** Each running statement takes a thread of Node's pool: the process is started with UV_THREADPOOL_SIZE above their sum. */
const CONCURRENCY = { reads: 8, writes: 4 };

const config = readConfig(bridgeSettings, process.env);
const bridge = await startClickHouseBridge({
  engine: await openEngineConnection(config.DATA_DIR, CONCURRENCY),
  users: config.USERS,
  port: config.PORT,
});
await new Promise((resolve) => process.once('SIGTERM', resolve));
await bridge.stop();
process.exit(0);
