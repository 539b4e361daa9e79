import { commandActor, inTransaction, recordAdminAction, type AdminActionRecord } from '@sluice/service-kit';
import type pg from 'pg';

/**
 * Notes what this command is about to do. For work that is not one transaction: it is noted before it begins, so that none
 * is done without a note.
 */
export async function noteAction(pool: pg.Pool, record: Omit<AdminActionRecord, 'by'>): Promise<void> {
  await inTransaction(pool, (client) => recordAdminAction(client, { by: commandActor(), ...record }));
}
