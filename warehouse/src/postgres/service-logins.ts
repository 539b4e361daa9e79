import type pg from 'pg';
import { scramVerifierOf } from './scram-verifier.js';

/** Who has a role of its own. `readonly` is for dashboards and analysts. */
export const SERVICES = ['gateway', 'pipeline', 'api', 'readonly'] as const;
export type Service = (typeof SERVICES)[number];

/** The role whose members may do what the service does: of the whole cluster, with privileges database by database. */
export function roleOf(service: Service): string {
  return `sluice_${service}`;
}

/** Analysts ask by hand: what they ask ends, and changes nothing even where a privilege is given by mistake. */
const READONLY_SETTINGS = {
  statement_timeout: '30s',
  idle_in_transaction_session_timeout: '60s',
  default_transaction_read_only: 'on',
} as const;

/**
 * Makes the login of a service for this database, or gives it a new password; it may connect to this database, and where
 * everybody may. From then on, not everybody may connect to this one.
 * @returns Its name: `DATABASE_SERVICE_login`.
 * @throws Error when a role is missing, or this login may not make others: an administrator may.
 */
export async function createServiceLogin(pool: pg.Pool, service: Service, password: string): Promise<string> {
  const verifier = scramVerifierOf(password);
  const client = await pool.connect();
  try {
    await client.query('begin');
    const named = await client.query<{ database: string; name: string; exists: boolean }>(
      `select current_database() as database, n.name, r.oid is not null as exists
       from (select current_database() || '_' || $1 || '_login' as name) as n
       left join pg_roles r on r.rolname = n.name`,
      [service],
    );
    const { database, name, exists } = named.rows[0]!;
    const quote = (identifier: string): string => client.escapeIdentifier(identifier);
    const statements = [
      `${exists ? 'alter' : 'create'} role ${quote(name)} login password ${client.escapeLiteral(verifier)}`,
      `grant ${quote(roleOf(service))} to ${quote(name)}`,
      `revoke connect on database ${quote(database)} from public`,
      `grant connect on database ${quote(database)} to ${quote(name)}`,
    ];
    if (service === 'readonly') {
      for (const [setting, value] of Object.entries(READONLY_SETTINGS)) {
        statements.push(`alter role ${quote(name)} set ${setting} = ${client.escapeLiteral(value)}`);
      }
    }
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
    return name;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw new Error(
      `The login of the ${service} could not be made: ${(error as Error).message}. It takes an administrator, or a login with CREATEROLE that made the roles.`,
      { cause: error },
    );
  } finally {
    client.release();
  }
}
