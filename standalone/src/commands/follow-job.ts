import { readJob } from '@sluice/pipeline';
import type { Postgres } from '@sluice/warehouse';
import { printJson } from './stores.js';

export interface FollowOptions {
  /** What the job is, as the start of a sentence: `The rebuild`. */
  name: string;
  tellProgress: (progress: Record<string, unknown>) => void;
}

/** Tells how a job goes on until it is done, prints its result and resolves with it. @throws Error when it fails. */
export async function followJob(
  { pool }: Postgres,
  jobId: number,
  { name, tellProgress }: FollowOptions,
): Promise<Record<string, unknown>> {
  for (;;) {
    const job = await readJob(pool, jobId);
    if (job === undefined) throw new Error(`Job ${jobId} is gone.`);
    if (job.state === 'failed') throw new Error(`${name} failed: ${job.error ?? 'no reason was noted'}`);
    if (job.state === 'done') {
      process.stderr.write('\n');
      printJson(job.progress);
      return job.progress;
    }
    if (job.state === 'queued') process.stderr.write('\rWaiting for a pipeline to take the job …');
    else tellProgress(job.progress);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
