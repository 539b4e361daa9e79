import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { ClickHouse } from './connection.js';

/** Who has a role of its own in ClickHouse. The gateway never goes there. */
export const CLICKHOUSE_SERVICES = ['pipeline', 'api', 'readonly'] as const;
export type ClickHouseService = (typeof CLICKHOUSE_SERVICES)[number];

/** Whether this login may make roles and users. The embedded engine has one user, who may not. */
export async function managesAccess({ client }: Pick<ClickHouse, 'client'>): Promise<boolean> {
  // The statement takes no format; its answer is one digit, in whichever form.
  const { stream } = await client.exec({
    query: 'check grant create role, create user, create settings profile on *.*',
  });
  return /^\D*1\D*$/.test(await text(stream));
}

/** What the names of roles and users begin with: that of the databases. */
export function accessPrefixOf({ database }: Pick<ClickHouse, 'database'>): string {
  return database(1).replace(/_g1$/, '');
}

/**
 * Makes the user of a service, or gives it a new password: a member of the service's role and nothing else. The statement
 * holds a hash of the password, so no log of the server has the password.
 * @returns Its name: `PREFIX_SERVICE_login`.
 * @throws Error when this login may not make users, or the role is missing.
 */
export async function createClickHouseLogin(
  clickhouse: ClickHouse,
  service: ClickHouseService,
  password: string,
): Promise<string> {
  const role = `${accessPrefixOf(clickhouse)}_${service}`;
  const name = `${role}_login`;
  const { client, layout } = clickhouse;
  await client.command({
    query: `create user or replace ${name} ${layout.onCluster}
            identified with sha256_hash by '${createHash('sha256').update(password).digest('hex')}'`,
  });
  await client.command({ query: `grant ${layout.onCluster} ${role} to ${name}` });
  await client.command({ query: `alter user ${name} ${layout.onCluster} default role ${role}` });
  return name;
}
