import { commandActor, inTransaction, readConfig, recordAdminAction } from '@sluice/service-kit';
import {
  createClickHouseLogin,
  createServiceLogin,
  grantClickHouseAccess,
  managesAccess,
  type ClickHouse,
  type ClickHouseService,
  type Service,
} from '@sluice/warehouse';
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { z } from 'zod';

/** Passwords of the services' own logins; each is optional. */
export const loginSettings = z.object({
  SLUICE_GATEWAY_PASSWORD: z.string().min(8).optional().describe("Password of the gateway's login."),
  SLUICE_PIPELINE_PASSWORD: z.string().min(8).optional().describe("Password of the pipeline's logins."),
  SLUICE_API_PASSWORD: z.string().min(8).optional().describe("Password of the analytics API's logins."),
  SLUICE_READONLY_PASSWORD: z
    .string()
    .min(8)
    .optional()
    .describe('Password of the logins of dashboards and analysts, who only read.'),
});

/**
 * Makes the logins of the services for which there is a password, with no more than each needs; a login that is there gets
 * the password. Where ClickHouse does not let its owner make users, they are left to its administrator.
 */
export async function makeServiceLogins(
  pool: pg.Pool,
  clickhouse: ClickHouse,
  environment: NodeJS.ProcessEnv,
  tell: (line: string) => void,
): Promise<void> {
  const settings = readConfig(loginSettings, environment, (path) => readFileSync(path, 'utf8'));
  const passwords: readonly [Service, ClickHouseService | undefined, string | undefined][] = [
    ['gateway', undefined, settings.SLUICE_GATEWAY_PASSWORD],
    ['pipeline', 'pipeline', settings.SLUICE_PIPELINE_PASSWORD],
    ['api', 'api', settings.SLUICE_API_PASSWORD],
    ['readonly', 'readonly', settings.SLUICE_READONLY_PASSWORD],
  ];
  if (passwords.every(([, , password]) => password === undefined)) return;
  const isManaged = await managesAccess(clickhouse);
  // An administrator may have come after the schema.
  if (isManaged) await grantClickHouseAccess(clickhouse);
  const made: Service[] = [];
  for (const [service, clickhouseService, password] of passwords) {
    if (password === undefined) continue;
    made.push(service);
    tell(`Postgres: ${await createServiceLogin(pool, service, password)} may log in.`);
    if (clickhouseService === undefined) continue;
    if (isManaged) {
      tell(`ClickHouse: ${await createClickHouseLogin(clickhouse, clickhouseService, password)} may log in.`);
    } else {
      tell(
        `ClickHouse: this login may not make users; the ${clickhouseService}'s is left to an administrator.`,
      );
    }
  }
  await inTransaction(pool, (client) =>
    recordAdminAction(client, {
      by: commandActor(),
      action: 'users.create',
      target: made.join(', '),
      details: { postgres: made, clickhouse: isManaged ? made.filter((name) => name !== 'gateway') : [] },
    }),
  );
}
