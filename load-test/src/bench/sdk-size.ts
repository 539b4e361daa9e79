import { build } from 'esbuild';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { installPeers, PEERS, PEERS_DIR } from '../sdk-faults/peers.js';

/** What pages pay for the SDK, in bytes as they travel. */
export interface SdkSizes {
  /** `init` and one `track`, gzip -9. */
  coreGzip: number;
  /** The same, brotli at quality 11. */
  coreBrotli: number;
  coreMinified: number;
  /** What every page loads later, when it has nothing else to do, gzip -9; not in the other figures of the core. */
  coreLaterGzip: number;
  /** What each autocapture module adds, gzip -9. What it loads later, on demand, is not in it. */
  modules: Record<string, number>;
  /** What a module loads later, gzip -9. */
  lazy: Record<string, number>;
  /** The same use of other trackers; empty unless asked for. */
  peers: Record<string, PeerSize>;
  /** Why a peer is not among them. */
  missingPeers: Record<string, string>;
  /** Gzip bytes, at most. */
  budgets: typeof BUDGETS;
  /** Budgets that are not kept, in words. */
  exceeded: string[];
}

export interface PeerSize {
  version: string;
  gzip: number;
  brotli: number;
  /** With everything it may load later from its own package. */
  allGzip: number;
}

export interface SdkSizeOptions {
  /** Trackers to measure beside ours, installed. */
  peers?: readonly { name: string; version: string; entry: string; dir: string }[];
  missingPeers?: Record<string, string>;
  /** Measure the SDK's sources in place of its build. Default false. */
  fromSource?: boolean;
}

/** Gzip bytes. */
export const BUDGETS = { core: 6_144, module: 1_024 } as const;

export const AUTOCAPTURE_MODULES = [
  'pageViews',
  'clicks',
  'outboundLinks',
  'downloads',
  'forms',
  'scroll',
  'rageClicks',
  'errors',
  'webVitals',
] as const;

/** The build of our SDK, beside other trackers when asked for; those that are missing are installed. */
export async function benchSdkSize({ withPeers }: { withPeers: boolean }): Promise<SdkSizes> {
  // Segment's two strategies are one package.
  const peers = withPeers ? PEERS.filter(({ name }) => name !== 'segment-batching') : [];
  const { installed, missing } = await installPeers(peers, PEERS_DIR);
  return measureSdkSizes({
    peers: installed.map(({ peer, dir }) => ({
      name: peer.package.name,
      version: peer.package.version,
      entry: peer.sizeEntry,
      dir,
    })),
    missingPeers: missing,
  });
}

/** Measures by bundling as an application does: esbuild, minified ES modules for browsers, split at dynamic imports. */
export async function measureSdkSizes(options: SdkSizeOptions = {}): Promise<SdkSizes> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const conditions = options.fromSource === true ? ['sluice-source'] : [];
  const core = await bundle(coreEntry(), here, conditions);
  const modules: Record<string, number> = {};
  const lazy: Record<string, number> = {};
  for (const name of AUTOCAPTURE_MODULES) {
    const withModule = await bundle(coreEntry(name), here, conditions);
    modules[name] = withModule.initial.gzip - core.initial.gzip;
    const later = withModule.lazyGzip - core.lazyGzip;
    if (later > 0) lazy[name] = later;
  }
  const peers: Record<string, PeerSize> = {};
  for (const peer of options.peers ?? []) {
    const { initial, lazyGzip } = await bundle(peer.entry, peer.dir, []);
    peers[peer.name] = {
      version: peer.version,
      gzip: initial.gzip,
      brotli: initial.brotli,
      allGzip: initial.gzip + lazyGzip,
    };
  }
  return {
    coreGzip: core.initial.gzip,
    coreBrotli: core.initial.brotli,
    coreMinified: core.initial.minified,
    coreLaterGzip: core.lazyGzip,
    modules,
    lazy,
    peers,
    missingPeers: options.missingPeers ?? {},
    budgets: BUDGETS,
    exceeded: [
      ...(core.initial.gzip > BUDGETS.core
        ? [`the core has ${core.initial.gzip} bytes, at most ${BUDGETS.core}`]
        : []),
      ...Object.entries(modules)
        .filter(([, bytes]) => bytes > BUDGETS.module)
        .map(([name, bytes]) => `${name} adds ${bytes} bytes, at most ${BUDGETS.module}`),
    ],
  };
}

/** The smallest use, with or without a module. */
function coreEntry(module?: (typeof AUTOCAPTURE_MODULES)[number]): string {
  return `
import { init } from '@sluice/sdk';
${module === undefined ? '' : `import { ${module} } from '@sluice/sdk/autocapture';`}
const sluice = init({
  writeKey: 'k',
  host: 'https://events.example.com',
  ${module === undefined ? '' : `capture: [${module}()],`}
});
sluice.track('e', { a: 1 });
`;
}

interface Sizes {
  minified: number;
  gzip: number;
  brotli: number;
}

interface Bundled {
  /** The entry and what it imports statically: what a page waits for. */
  initial: Sizes;
  /** The chunks of dynamic imports. */
  lazyGzip: number;
}

/** What esbuild calls the output of an entry that is given as text. */
const ENTRY_FILE = 'stdin.js';

async function bundle(entry: string, resolveDir: string, conditions: string[]): Promise<Bundled> {
  const result = await build({
    stdin: { contents: entry, resolveDir, loader: 'js' },
    bundle: true,
    minify: true,
    format: 'esm',
    splitting: true,
    platform: 'browser',
    target: 'es2022',
    conditions,
    outdir: 'out',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const texts = new Map(result.outputFiles.map((file) => [basename(file.path), Buffer.from(file.contents)]));
  const outputs = new Map(
    Object.entries(result.metafile.outputs).map(([path, output]) => [basename(path), output]),
  );
  const reach = (start: readonly string[], kinds: readonly string[]): Set<string> => {
    const reached = new Set<string>();
    const queue = [...start];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (reached.has(name)) continue;
      reached.add(name);
      const { imports } = outputs.get(name) ?? missingOutput(name);
      for (const { kind, path, external } of imports) {
        if (kinds.includes(kind) && external !== true) queue.push(basename(path));
      }
    }
    return reached;
  };
  const initial = reach([ENTRY_FILE], ['import-statement']);
  // Chunks that only unused code would load are made, too, but no page ever asks for them.
  const all = reach([ENTRY_FILE], ['import-statement', 'dynamic-import']);
  const sizes = (names: readonly string[]): Sizes => {
    const files = names.map((name) => texts.get(name) ?? missingOutput(name));
    const sum = (measure: (text: Buffer) => number): number =>
      files.reduce((total, text) => total + measure(text), 0);
    return {
      minified: sum((text) => text.length),
      gzip: sum((text) => gzipSync(text, { level: 9 }).length),
      brotli: sum(
        (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
      ),
    };
  };
  const later = [...all].filter((name) => !initial.has(name));
  return { initial: sizes([...initial]), lazyGzip: sizes(later).gzip };
}

function missingOutput(name: string): never {
  throw new Error(`The bundle has no ${name}.`);
}
