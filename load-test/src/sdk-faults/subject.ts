import { build } from 'esbuild';
import type { Upstream } from './fault-proxy.js';

/** An SDK under test, as an application has it in its pages. */
export interface Subject {
  name: string;
  /**
   * An ES module for the page. It exports `start({ url, host, writeKey })`, which returns a promise where the SDK starts
   * asynchronously, and `track(event, properties)`; Sluice's also `flush()`, which resolves with how many still wait.
   */
  pageModule: string;
  /** Folder from which the module's imports are found. */
  resolveDir: string;
  /** Further export conditions of packages, e.g. to bundle sources in place of builds. Default none. */
  conditions?: string[];
  writeKey: string;
  /** The server this SDK sends to. */
  startUpstream(): Upstream;
}

/** What every page offers the lab beside the SDK. */
const PAGE_HARNESS = `
import * as subject from 'lab:subject';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const textOf = (bytes) => {
  let text = '';
  for (let i = 0; i < bytes; i++) text += letters[(Math.random() * letters.length) | 0];
  return text;
};
const propertiesOf = (label, padBytes) => {
  const marker = 'lab.' + window.labSettings.run + '.' + label + '.';
  return padBytes > 0 ? { marker, pad: textOf(padBytes) } : { marker };
};

window.lab = {
  ready: Promise.resolve().then(() => lab.started),
  start() { lab.started = subject.start(window.labSettings); },
  /** One event that is not counted. */
  trackOne(label) { subject.track('Lab aside', propertiesOf(label, 0)); },
  /** Tracks events in one task. Returns how long the calls took, milliseconds. */
  trackMany({ from = 0, count, padBytes = 0, labelPrefix = '' }) {
    const { event } = window.labSettings;
    const all = Array.from({ length: count }, (_, i) => propertiesOf(labelPrefix + (from + i), padBytes));
    const startedMs = performance.now();
    for (const properties of all) subject.track(event, properties);
    return performance.now() - startedMs;
  },
  /** Sends what waits. Resolves with how many still wait. */
  async flush() { return 'flush' in subject ? await subject.flush() : 0; },
  /** Tracks in a task of its own, and goes on to another page at once. */
  trackThenGo(options, url) {
    setTimeout(() => {
      lab.trackMany(options);
      location.href = url;
    }, 0);
  },
};
`;

/** The script of a subject's pages. */
export async function bundlePage(subject: Subject): Promise<string> {
  const result = await build({
    stdin: { contents: PAGE_HARNESS, resolveDir: subject.resolveDir, loader: 'js' },
    plugins: [
      {
        name: 'subject',
        setup(plugin) {
          plugin.onResolve({ filter: /^lab:subject$/ }, () => ({ path: 'subject', namespace: 'lab' }));
          plugin.onLoad({ filter: /.*/, namespace: 'lab' }, () => ({
            contents: subject.pageModule,
            resolveDir: subject.resolveDir,
            loader: 'js',
          }));
        },
      },
    ],
    conditions: subject.conditions ?? [],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}
