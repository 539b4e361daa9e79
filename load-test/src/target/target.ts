import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Where traffic goes and where it is asked for. */
export interface Target {
  gatewayUrl: string;
  apiUrl: string;
  writeKey: string;
  readKey: string;
}

export interface TargetFlags {
  url?: string | undefined;
  key?: string | undefined;
  apiUrl?: string | undefined;
  readKey?: string | undefined;
  dataDir?: string | undefined;
}

/** What a running instance says of itself in `DATA/sluice.json`. */
export const instanceStateSchema = z.object({
  gatewayUrl: z.string(),
  apiUrl: z.string(),
  writeKey: z.string(),
  readKey: z.string(),
  adminKey: z.string(),
  /** The supervisor; null while nothing runs. */
  pid: z.number().nullable(),
  children: z.record(z.string(), z.number()),
});
export type InstanceState = z.infer<typeof instanceStateSchema>;

/** Undefined when no instance ever ran on that directory, or its file is just being made. */
export async function readInstanceState(dataDir: string): Promise<InstanceState | undefined> {
  let text: string;
  try {
    text = await readFile(join(dataDir, 'sluice.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return instanceStateSchema.parse(JSON.parse(text));
}

const DEFAULT_GATEWAY_URL = 'http://127.0.0.1:8001';
const DEFAULT_API_URL = 'http://127.0.0.1:8002';

/**
 * Flags first, then SLUICE_GATEWAY_URL, SLUICE_WRITE_KEY, SLUICE_API_URL and SLUICE_READ_KEY of the environment, then
 * the instance of the data directory.
 * @throws Error, with a text for people, when no key is known.
 */
export async function findTarget(
  flags: TargetFlags,
  environment: NodeJS.ProcessEnv,
  needs: { readKey: boolean },
): Promise<Target> {
  const dataDir = flags.dataDir ?? setting(environment, 'SLUICE_DATA_DIR') ?? './data';
  const instance = await readInstanceState(dataDir);
  const writeKey = flags.key ?? setting(environment, 'SLUICE_WRITE_KEY') ?? instance?.writeKey;
  const readKey = flags.readKey ?? setting(environment, 'SLUICE_READ_KEY') ?? instance?.readKey;
  if (writeKey === undefined || (needs.readKey && readKey === undefined)) {
    const missing = writeKey === undefined ? 'write key (--key)' : 'read key (--read-key)';
    throw new Error(`No ${missing}: start Sluice in this folder with "npm start", or give one.`);
  }
  return {
    gatewayUrl:
      flags.url ?? setting(environment, 'SLUICE_GATEWAY_URL') ?? instance?.gatewayUrl ?? DEFAULT_GATEWAY_URL,
    apiUrl: flags.apiUrl ?? setting(environment, 'SLUICE_API_URL') ?? instance?.apiUrl ?? DEFAULT_API_URL,
    writeKey,
    readKey: readKey ?? '',
  };
}

function setting(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}
