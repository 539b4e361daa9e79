import type { AskSaved } from '@sluice/analytics-api/watched';
import type { EventLog } from '@sluice/event-log';
import type { Logger } from '@sluice/service-kit';
import type { ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import type { Registry } from 'prom-client';
import { startNotifier } from '../notify/notifier.js';
import { createMailer } from '../notify/send-email.js';
import type { WatchConfig } from './settings.js';
import { createWatchTelemetry } from './watch-telemetry.js';
import { startWatcher } from './watcher.js';

/** Watches every project and delivers what there is to tell, until `stop`. */
export function startWatching(options: {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  log: Pick<EventLog, 'id' | 'partitionCount'>;
  logger: Logger;
  registry: Registry;
  askSaved: AskSaved | undefined;
  config: WatchConfig;
}): { stop(): Promise<void> } {
  const { pool, logger, registry } = options;
  const { email, timeoutMs, refusePrivate } = options.config.notify;
  const telemetry = createWatchTelemetry(logger, registry, Date.now);
  const stopping = new AbortController();
  const mailer = email === undefined ? undefined : createMailer({ ...email, timeoutMs });
  const watcher = startWatcher({ ...options, telemetry });
  const notifier = startNotifier({
    pool,
    logger,
    tools: {
      sendEmail: mailer?.send,
      timeoutMs,
      refusePrivate,
      stopping: stopping.signal,
      now: Date.now,
    },
    onOutcome: (channel, outcome) => telemetry.deliveryTried(channel, outcome),
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all([watcher.stop(), notifier.stop()]);
      mailer?.close();
    },
  };
}
