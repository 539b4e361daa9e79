import { describe, expect, it } from 'vitest';
import type { ComposeService } from './compose-file.js';
import { environmentHere, kafkaSettingsOf, postgresSettingsOf } from './place.js';

const service = (part: Partial<ComposeService>) =>
  ({ environment: {}, command: [], ...part }) as ComposeService;

describe('a service of a Compose file, here', () => {
  it('keeps its environment but for hosts, ports and folders', () => {
    const environment = {
      EVENT_LOG_URL: 'kafka://kafka:9092?partitions=12',
      SPOOL_DIR: '/var/lib/sluice/spool',
      PORT: '8001',
      LOG_LEVEL: 'info',
    };
    expect(
      environmentHere(service({ environment }), {
        addresses: new Map([['kafka:9092', '127.0.0.1:5']]),
        folders: new Map([['/var/lib/sluice/spool', '/tmp/x']]),
        port: 7,
      }),
    ).toEqual({
      EVENT_LOG_URL: 'kafka://127.0.0.1:5?partitions=12',
      SPOOL_DIR: '/tmp/x',
      PORT: '7',
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
    });
  });

  it('tells the settings of its stores', () => {
    expect(
      postgresSettingsOf(service({ command: ['postgres', '-c', 'jit=off', '-c', 'max_connections=9'] })),
    ).toEqual({ jit: 'off', max_connections: '9' });
    const environment = {
      CLUSTER_ID: 'x',
      KAFKA_LISTENERS: 'PLAINTEXT://:9092',
      KAFKA_LOG_FLUSH_INTERVAL_MESSAGES: '1',
    };
    expect(kafkaSettingsOf(service({ environment }))).toEqual({ 'log.flush.interval.messages': '1' });
  });
});
