import { commandActor, inTransaction, recordAdminAction } from '@sluice/service-kit';
import {
  CLICKHOUSE_SERVICES,
  createClickHouseLogin,
  createServiceLogin,
  grantClickHouseAccess,
  managesAccess,
  SERVICES,
  type ClickHouse,
  type Postgres,
} from '@sluice/warehouse';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What was made: the store, and the name of the login. */
export interface CreatedUsers {
  postgres: string[];
  clickhouse: string[];
  /** Files that are not there, whose logins were not made. */
  left_out: string[];
}

/**
 * Makes a login for each service whose password there is a file for, or gives it that password: `postgres_SERVICE` and
 * `clickhouse_SERVICE` in a folder. Notes in the list of admin actions whose logins were made.
 * @throws Error when this login may not make others.
 */
export async function createUsers(
  passwordsDir: string,
  { postgres, clickhouse }: { postgres: Postgres; clickhouse: ClickHouse },
): Promise<CreatedUsers> {
  const created: CreatedUsers = { postgres: [], clickhouse: [], left_out: [] };
  for (const service of SERVICES) {
    const password = await readPassword(passwordsDir, `postgres_${service}`);
    if (password === undefined) created.left_out.push(`postgres_${service}`);
    else created.postgres.push(await createServiceLogin(postgres.pool, service, password));
  }
  const clickhousePasswords = new Map<(typeof CLICKHOUSE_SERVICES)[number], string>();
  for (const service of CLICKHOUSE_SERVICES) {
    const password = await readPassword(passwordsDir, `clickhouse_${service}`);
    if (password === undefined) created.left_out.push(`clickhouse_${service}`);
    else clickhousePasswords.set(service, password);
  }
  if (clickhousePasswords.size > 0) {
    if (!(await managesAccess(clickhouse))) {
      throw new Error(
        'This login of ClickHouse may not make users: it needs access_management = 1. The embedded engine has no users.',
      );
    }
    await grantClickHouseAccess(clickhouse);
    for (const [service, password] of clickhousePasswords) {
      created.clickhouse.push(await createClickHouseLogin(clickhouse, service, password));
    }
  }
  await inTransaction(postgres.pool, (client) =>
    recordAdminAction(client, {
      by: commandActor(),
      action: 'users.create',
      target: 'logins of services',
      after: { postgres: created.postgres, clickhouse: created.clickhouse },
      details: { postgres: created.postgres, clickhouse: created.clickhouse },
    }),
  );
  return created;
}

async function readPassword(dir: string, name: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(dir, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const password = text.trim();
  if (password.length < 12) throw new Error(`The password in ${name} has fewer than 12 characters.`);
  return password;
}
