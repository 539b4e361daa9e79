import type pg from 'pg';
import type { LocalDayOf } from '@sluice/contracts/sessions';
import { fromStored, stepSession, toStored, type Session, type StoredSession } from '../enrich/sessions.js';
import type { PreparedMessage } from './prepare-batch.js';

/** A new row of `events`: a prepared message and the session it was given. */
export interface NewRow {
  prepared: PreparedMessage;
  sessionId: string;
}

/** A device as the batch leaves it. */
export interface DeviceState {
  projectId: number;
  deviceId: string;
  sessions: readonly Session[];
  lastSeenMs: number;
}

export type DayOfProject = (projectId: number) => LocalDayOf;

/**
 * Gives every message its session, in the order of the log, starting from what the devices remembered. The messages must
 * be new: one that has landed before would grow a session it is in already.
 */
export function assignSessions(
  messages: readonly PreparedMessage[],
  remembered: ReadonlyMap<string, readonly Session[]>,
  dayOf: DayOfProject,
): { rows: NewRow[]; devices: DeviceState[] } {
  const devices = new Map<string, DeviceState>();
  let device: DeviceState | undefined;
  const rows = messages.map((prepared): NewRow => {
    if (device === undefined || !isOf(device, prepared)) {
      device = rememberedDevice(prepared);
    }
    const step = stepSession(device.sessions, prepared, dayOf(prepared.projectId));
    device.sessions = step.remembered;
    device.lastSeenMs = Math.max(device.lastSeenMs, prepared.timestampMs);
    return { prepared, sessionId: step.sessionId };
  });
  return { rows, devices: [...devices.values()] };

  function rememberedDevice(prepared: PreparedMessage): DeviceState {
    const key = deviceKey(prepared);
    let device = devices.get(key);
    if (device === undefined) {
      device = {
        projectId: prepared.projectId,
        deviceId: prepared.deviceId,
        sessions: remembered.get(key) ?? [],
        lastSeenMs: prepared.timestampMs,
      };
      devices.set(key, device);
    }
    return device;
  }
}

/** Neighbouring messages are of one device, mostly: it need not be looked up again. */
function isOf(device: { projectId: number; deviceId: string }, message: PreparedMessage): boolean {
  return device.deviceId === message.deviceId && device.projectId === message.projectId;
}

export function deviceKey(of: { projectId: number; deviceId: string }): string {
  return `${of.projectId}:${of.deviceId}`;
}

/** What the devices of these messages remember. No lock is taken: a device lands through one partition at a time. */
export async function readDevices(
  client: pg.ClientBase,
  messages: readonly PreparedMessage[],
): Promise<Map<string, Session[]>> {
  const wanted = new Map<string, { projectId: number; deviceId: string }>();
  let last: PreparedMessage | undefined;
  for (const message of messages) {
    if (last === undefined || !isOf(last, message)) wanted.set(deviceKey(message), message);
    last = message;
  }
  const remembered = new Map<string, Session[]>();
  if (wanted.size === 0) return remembered;
  const keys = [...wanted.values()];
  const found = await client.query<{ project_id: number; device_id: string; sessions: StoredSession[] }>({
    name: 'read-devices',
    text: `select d.project_id, d.device_id, d.sessions
           from unnest($1::int[], $2::text[]) as wanted (project_id, device_id)
           join devices d using (project_id, device_id)`,
    values: [keys.map((key) => key.projectId), keys.map((key) => key.deviceId)],
  });
  for (const row of found.rows) {
    const key = deviceKey({ projectId: row.project_id, deviceId: row.device_id });
    remembered.set(key, row.sessions.map(fromStored));
  }
  return remembered;
}

export async function writeDevices(client: pg.ClientBase, devices: readonly DeviceState[]): Promise<void> {
  if (devices.length === 0) return;
  await client.query({
    name: 'write-devices',
    text: `insert into devices as d (project_id, device_id, sessions, last_seen)
           select project_id, device_id, sessions, to_timestamp(last_seen / 1000.0)
           from json_to_recordset($1) as x (project_id int, device_id text, sessions jsonb, last_seen bigint)
           on conflict (project_id, device_id) do update
           set sessions = excluded.sessions, last_seen = greatest(d.last_seen, excluded.last_seen)`,
    values: [
      JSON.stringify(
        devices.map((device) => ({
          project_id: device.projectId,
          device_id: device.deviceId,
          sessions: device.sessions.map(toStored),
          last_seen: device.lastSeenMs,
        })),
      ),
    ],
  });
}
