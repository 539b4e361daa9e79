import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { wait } from '../../client/wait.js';
import type { NodeSubject } from './node-subject.js';

/** What a process with an SDK in it does. */
export interface ApplicationPlan {
  /** Events it tracks. Few: in one task. Many: a hundred a turn of the event loop, as a busy server does. */
  events: number;
  padBytes?: number;
  then:
    /** It has nothing left to do. */
    | 'nothing'
    /** `process.exit()` in the same task. */
    | 'exit'
    /** The SDK's own end, then `process.exit()`. */
    | 'close'
    /** It works on until it is ended. */
    | 'serve';
}

export interface ApplicationSettings {
  url: string;
  writeKey: string;
  run: string;
  event: string;
  spoolDir: string;
}

export interface Application {
  /** Resolves when all is tracked; rejects when the process ends before that. */
  tracked: Promise<Tracked>;
  /** How it ended, and how long after it had tracked, milliseconds. */
  ended: Promise<{ how: string; afterMs: number }>;
  kill(signal: NodeJS.Signals): void;
}

export interface Tracked {
  events: number;
  /** Growth of the resident memory since before the first event: the most that was seen, bytes. */
  rssGrowthBytes: number;
  /** Microseconds of the calling thread per event, in each tenth of them. */
  syncMicros: number[];
}

/** A process that takes longer to end is ended. */
const END_TIMEOUT_MS = 60_000;
/** How long a process may track many events. */
const TRACK_TIMEOUT_MS = 60_000;

const HARNESS = `
const plan = JSON.parse(process.argv[2]);
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const textOf = (bytes) => {
  let text = '';
  for (let i = 0; i < bytes; i++) text += letters[(Math.random() * letters.length) | 0];
  return text;
};
const sdk = await start(plan);
const propertiesOf = (n) => ({
  marker: 'lab.' + plan.run + '.' + n + '.',
  ...(plan.padBytes > 0 ? { pad: textOf(plan.padBytes) } : {}),
});
const turn = () => new Promise((resolve) => setImmediate(resolve));
const rss = () => process.memoryUsage.rss();
const chunk = plan.events > 1000 ? 100 : plan.events;
const before = rss();
const deadline = Date.now() + plan.trackTimeoutMs;
let most = before;
const micros = [];
let ofTenth = [];
let n = 0;
while (n < plan.events && Date.now() < deadline) {
  const all = Array.from({ length: Math.min(chunk, plan.events - n) }, (_, i) => propertiesOf(n + i));
  const startedMs = performance.now();
  for (const properties of all) sdk.track(plan.event, properties);
  ofTenth.push(((performance.now() - startedMs) * 1000) / all.length);
  n += all.length;
  if (n >= ((micros.length + 1) * plan.events) / 10) {
    // The median of its turns: a shared machine takes some of them away from us.
    const median = ofTenth.sort((a, b) => a - b)[ofTenth.length >> 1];
    micros.push(Math.round(median * 10) / 10);
    ofTenth = [];
  }
  most = Math.max(most, rss());
  if (n < plan.events) await turn();
}
process.stdout.write(JSON.stringify({ events: n, rssGrowthBytes: most - before, syncMicros: micros }) + '\\n');
if (plan.then === 'exit') process.exit(0);
if (plan.then === 'close') {
  await sdk.close();
  process.exit(0);
}
if (plan.then === 'serve') setInterval(() => undefined, 1000);
`;

/** Starts a process of its own: plain Node, as an application runs. */
export async function startApplication(
  subject: NodeSubject,
  settings: ApplicationSettings,
  plan: ApplicationPlan,
): Promise<Application> {
  const file = join(subject.resolveDir ?? tmpdir(), `lab-${randomBytes(6).toString('hex')}.mjs`);
  await writeFile(file, `${subject.module}\n${HARNESS}`);
  const { host, port } = new URL(settings.url);
  const child = spawn(
    process.execPath,
    [
      file,
      JSON.stringify({ padBytes: 0, ...settings, ...plan, host, port, trackTimeoutMs: TRACK_TIMEOUT_MS }),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const stopWithUs = (): void => void child.kill('SIGKILL');
  process.on('exit', stopWithUs);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4_000)));
  let trackedAtMs = Date.now();

  const tracked = new Promise<Tracked>((resolve, reject) => {
    // SDKs print, too; what nobody reads would in the end hold the process up.
    createInterface(child.stdout).on('line', (line) => {
      if (!line.startsWith('{"events":')) return;
      trackedAtMs = Date.now();
      resolve(JSON.parse(line) as Tracked);
    });
    child.once('close', () =>
      reject(new Error(`${subject.name}: the process ended before it had tracked:\n${stderr}`)),
    );
  });
  // Whoever waits for it hears of it; a process that is ended early has no one waiting.
  tracked.catch(() => undefined);
  const ended = (async () => {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    process.off('exit', stopWithUs);
    await rm(file, { force: true });
    return { how: signal ?? `exit code ${String(code)}`, afterMs: Date.now() - trackedAtMs };
  })();
  return { tracked, ended, kill: (signal) => void child.kill(signal) };
}

/** Waits for the end; a process that does not come to it is killed. */
export async function awaitEnd(
  application: Application,
  signal: AbortSignal,
): Promise<{ how: string; afterMs: number }> {
  const overdue = new AbortController();
  const kill = async (): Promise<void> => {
    await wait(END_TIMEOUT_MS, AbortSignal.any([overdue.signal, signal]));
    if (!overdue.signal.aborted) application.kill('SIGKILL');
  };
  const [end] = await Promise.all([application.ended.finally(() => overdue.abort()), kill()]);
  return end;
}
