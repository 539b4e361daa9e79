import { openEventLog } from '@sluice/event-log';
import {
  createMetricsRegistry,
  type HttpApp,
  type ServiceContext,
  type Stoppable,
} from '@sluice/service-kit';
import { migratePostgres, openPostgres } from '@sluice/warehouse';
import type { z } from 'zod';
import { configOf, type gatewaySettings } from './config.js';
import { createGateway } from './gateway.js';

/**
 * Opens the stores that the settings name and a gateway on them, and listens. `extend` may add to the app before that.
 * @throws Error when a store is not to be had, or the port is taken; nothing is left open then.
 */
export async function runGateway(
  settings: z.infer<typeof gatewaySettings>,
  { log: logger, tracer }: ServiceContext,
  extend?: (app: HttpApp) => Promise<void>,
): Promise<Stoppable> {
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const postgres = await openPostgres(settings.POSTGRES_URL, {
      max: 5,
      applicationName: 'sluice gateway',
      onIdleError: (error) => logger.warn({ err: error }, 'a connection to Postgres was lost'),
    });
    closers.push(() => postgres.close());
    if (settings.MIGRATE) await migratePostgres(postgres.pool);
    const log = await openEventLog(settings.EVENT_LOG_URL, { clientId: 'sluice-gateway' });
    closers.push(() => log.close());
    const registry = createMetricsRegistry('gateway');
    const gateway = await createGateway({
      ...{ postgres, log, logger, registry, tracer },
      config: configOf(settings),
    });
    closers.push(() => gateway.stop());
    await extend?.(gateway.app);
    await gateway.app.listen({ host: settings.HOST, port: settings.PORT });
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
