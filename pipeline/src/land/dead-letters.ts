import { decodeRecordMeta, encodeRecordMeta, META_HEADER, toStorableText } from '@sluice/contracts';
import type pg from 'pg';
import type { DeadLetter } from '../decode/decode-record.js';

import { applyIpPolicy, type IpPolicy } from '../enrich/ip-policy.js';
import type { LogPartition } from './land-batch.js';

/** Letters of one statement: their bytes travel as parameters. */
const LETTERS_PER_STATEMENT = 500;

/** Stores what could not be landed: every byte of it, why, and where it was. */
export async function writeDeadLetters(
  client: pg.ClientBase,
  of: LogPartition,
  letters: readonly DeadLetter[],
  policyOf: (projectId: number) => IpPolicy,
): Promise<void> {
  for (let start = 0; start < letters.length; start += LETTERS_PER_STATEMENT) {
    const part = letters.slice(start, start + LETTERS_PER_STATEMENT);
    await client.query({
      name: 'write-dead-letters',
      text: `insert into dead_letters (project_id, source, code, message, field, message_id, log_id, "partition", log_offset,
               record_index, received_at, headers, bytes)
             select x.project_id, x.source, x.code, x.message, x.field, x.message_id, $1, $2, x.log_offset, x.record_index,
               to_timestamp(x.received_at / 1000.0), x.headers, b.bytes
             from json_to_recordset($3) as x (project_id int, source text, code text, message text,
               field text, message_id text, log_offset bigint, record_index int, received_at bigint, headers jsonb, n bigint)
             join unnest($4::bytea[]) with ordinality as b (bytes, n) using (n)
             order by n`,
      values: [
        of.logId,
        of.partition,
        JSON.stringify(part.map((letter, index) => rowOf(letter, index, policyOf))),
        part.map((letter) => Buffer.from(letter.bytes)),
      ],
    });
  }
}

/** A letter must always be storable, whatever is wrong with what it holds. */
function rowOf(letter: DeadLetter, index: number, policyOf: (projectId: number) => IpPolicy): object {
  const headers =
    letter.projectId === null ? letter.headers : keptHeaders(letter, policyOf(letter.projectId));
  return {
    project_id: letter.projectId,
    source: letter.source,
    code: toStorableText(letter.code),
    message: toStorableText(letter.message),
    field: letter.field === null ? null : toStorableText(letter.field),
    message_id: letter.messageId === null ? null : toStorableText(letter.messageId),
    log_offset: letter.offset,
    record_index: letter.recordIndex,
    received_at: letter.receivedAtMs,
    headers: Object.fromEntries(
      Object.entries(headers).map(([key, value]) => [toStorableText(key), toStorableText(value)]),
    ),
    n: index + 1,
  };
}

/** The headers, with the address reduced to what the project keeps. */
function keptHeaders(letter: DeadLetter, policy: IpPolicy): Readonly<Record<string, string>> {
  if (policy === 'keep') return letter.headers;
  const decoded = decodeRecordMeta(letter.headers);
  if (!decoded.ok || decoded.meta.ip === undefined) return letter.headers;
  const { ip, ...meta } = decoded.meta;
  const kept = applyIpPolicy(ip, policy);
  const encoded = encodeRecordMeta(kept === undefined ? meta : { ...meta, ip: kept });
  return { ...letter.headers, [META_HEADER]: encoded[META_HEADER]! };
}
