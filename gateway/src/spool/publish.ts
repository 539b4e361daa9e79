import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { GatewayTelemetry } from '../telemetry.js';
import type { Spool } from './spool.js';

/** Tells the other services what this gateway still holds, so that no answer claims to be complete beyond it. */
export interface SpoolPublishing {
  /**
   * Resolves once the others know that the spool is not empty, or after a moment when Postgres does not answer: awaited
   * before the first message of an outage is acknowledged.
   */
  announce(): Promise<void>;
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;
const LONGEST_ANNOUNCEMENT_MS = 500;

export function startPublishing(options: {
  pool: pg.Pool;
  spool: Spool;
  gatewayId: string;
  telemetry: GatewayTelemetry;
}): SpoolPublishing {
  const { pool, spool, gatewayId, telemetry } = options;
  // Unknown at first: a former run may have left a row.
  let published: 'unknown' | 'filled' | 'empty' = 'unknown';
  let publishing: Promise<void> | undefined;

  async function publish(): Promise<void> {
    const { oldestReceiptMs, messages } = spool.state;
    try {
      if (oldestReceiptMs === undefined) {
        // Kept as empty: what was drained is in the log, and may not be landed before `updated_at` is passed.
        await pool.query(
          'update spools set messages = 0, updated_at = now() where gateway_id = $1 and messages > 0',
          [gatewayId],
        );
        published = 'empty';
      } else {
        // Never moved on while messages leave the spool one by one: those that left may not be landed either.
        await pool.query(
          `insert into spools (gateway_id, oldest_receipt_at, messages) values ($1, $2, $3)
           on conflict (gateway_id) do update
           set oldest_receipt_at = case
                 when spools.messages > 0 or exists (
                   select 1 from log_offsets o
                   where o.complete_through is null or o.complete_through < spools.updated_at)
                 then least(spools.oldest_receipt_at, excluded.oldest_receipt_at)
                 else excluded.oldest_receipt_at
               end,
               messages = excluded.messages, updated_at = now()`,
          [gatewayId, new Date(oldestReceiptMs), messages],
        );
        published = 'filled';
      }
    } catch (error) {
      telemetry.spoolPublishFailed(error);
    }
  }

  function publishOnce(): Promise<void> {
    publishing ??= publish().finally(() => (publishing = undefined));
    return publishing;
  }

  const timer = setInterval(() => {
    if (published !== 'empty' || !spool.isEmpty) void publishOnce();
  }, EVERY_MS);
  timer.unref();

  return {
    async announce() {
      if (published === 'filled') return;
      let timeout: NodeJS.Timeout | undefined;
      const longEnough = new Promise<void>((resolve) => {
        timeout = setTimeout(resolve, LONGEST_ANNOUNCEMENT_MS);
      });
      // One that is running may have read the spool before it was filled.
      await Promise.race([(publishing ?? Promise.resolve()).then(publishOnce), longEnough]);
      clearTimeout(timeout);
    },
    async stop() {
      clearInterval(timer);
      await publishing;
      await publish();
    },
  };
}

/** Names this gateway's spool for good: kept in its directory. */
export async function gatewayIdOf(spoolDir: string): Promise<string> {
  const path = join(spoolDir, 'gateway-id');
  try {
    const id = (await readFile(path, 'utf8')).trim();
    if (id !== '') return id;
  } catch {
    // A new spool.
  }
  const id = randomUUID();
  await writeFile(`${path}.part`, id);
  await rename(`${path}.part`, path);
  return id;
}
