import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * What a running instance tells the commands beside it, in `DATA/sluice.json`. The keys of the first project are kept
 * here in the clear, readable by the owner only, because the database holds nothing but their hashes.
 */
export const instanceSchema = z.object({
  gatewayUrl: z.string(),
  apiUrl: z.string(),
  writeKey: z.string(),
  readKey: z.string(),
  adminKey: z.string(),
  eventLogUrl: z.string(),
  postgresUrl: z.string(),
  clickhouseUrl: z.string(),
  /** The supervisor; null when the instance was stopped in good order. */
  pid: z.number().nullable(),
  children: z.record(z.string(), z.number()),
});

export type Instance = z.infer<typeof instanceSchema>;

export function instancePath(dataDir: string): string {
  return join(dataDir, 'sluice.json');
}

/** The instance of a data directory; undefined when there never was one. */
export async function readInstance(dataDir: string): Promise<Instance | undefined> {
  let text: string;
  try {
    text = await readFile(instancePath(dataDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return instanceSchema.parse(JSON.parse(text));
}

/** Written beside and renamed, so that a reader never sees half of it. */
export async function writeInstance(dataDir: string, instance: Instance): Promise<void> {
  const path = instancePath(dataDir);
  const draft = `${path}.${process.pid}.tmp`;
  await writeFile(draft, `${JSON.stringify(instance, null, 2)}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}
