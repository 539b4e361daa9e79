import { defineConfig, type Options } from 'tsup';

type EsbuildOptions = Parameters<NonNullable<Options['esbuildOptions']>>[0];

const common = {
  sourcemap: true,
  silent: true,
  target: 'es2022',
  // Whoever installs the package gets all of it: what it takes of the workspace is part of the files.
  noExternal: [/^@sluice\//],
  esbuildOptions(options: EsbuildOptions) {
    options.conditions = ['sluice-source'];
  },
} satisfies Options;

/**
 * Names of the browser core's parts among themselves. None is a setting, a member of a message or a stored value, nor one
 * of the browser's own.
 */
const INTERNAL_NAMES = [
  ...[
    'attempt',
    'createId',
    'identity',
    'initialConsent',
    'isAnonymous',
    'onConsent',
    'onPurge',
    'onShutdown',
    'onStop',
  ],
  ...['openOutbox', 'openSender', 'readContext', 'sender', 'session', 'setConsent', 'takeReports'],
  ...[
    'append',
    'bytes',
    'isAtHand',
    'json',
    'kind',
    'lease',
    'leaseNow',
    'messages',
    'purge',
    'release',
    'settled',
    'storedAtMs',
  ],
  ...['maxBytes', 'maxMessages', 'onDrop', 'breaker', 'fail', 'succeed', 'waitMs', 'retryAfter'],
  ...['exclusive', 'isOnline', 'leaseMs', 'maxBatchBytes', 'onReports', 'timers', 'transport'],
  ...['resume', 'room', 'sendNow', 'suspend', 'wake'],
  ...['forget', 'isShared', 'keep', 'setUserId', 'touch'],
  ...['comeBack', 'leave', 'takeTurn', 'tell'],
];

/** Applications bundle the core as it is here; what a minifier of theirs cannot know is done now. */
const smallest = {
  minify: 'terser',
  terserOptions: {
    module: true,
    ecma: 2020,
    compress: {
      ...{ passes: 4, toplevel: true, unsafe: true, unsafe_arrows: true, unsafe_methods: true },
      // Functions that stand by themselves leave the short names to the bundler, which names once more.
      // `use client` stays, for React.
      directives: false,
      ...{ pure_getters: true, hoist_funs: true, inline: false, reduce_funcs: false },
    },
  },
  esbuildOptions(options) {
    common.esbuildOptions(options);
    options.mangleProps = new RegExp(`^(?:${INTERNAL_NAMES.join('|')})$`);
  },
} satisfies Options;

/** Types alone. The bundler of types sets an option that its compiler is about to drop. */
const types = {
  only: true,
  resolve: [/^@sluice\//],
  compilerOptions: { ignoreDeprecations: '6.0' },
};

export default defineConfig([
  {
    ...common,
    entry: { index: 'src/browser/index.ts', react: 'src/react/index.ts' },
    format: 'esm',
    platform: 'browser',
    splitting: true,
    ...smallest,
  },
  {
    ...common,
    entry: {
      autocapture: 'src/autocapture/index.ts',
    },
    format: 'esm',
    platform: 'browser',
  },
  {
    ...common,
    entry: { sluice: 'src/script/index.ts' },
    format: 'iife',
    platform: 'browser',
    minify: true,
    outExtension: () => ({ js: '.js' }),
  },
  {
    ...common,
    entry: { node: 'src/node/index.ts' },
    format: ['esm', 'cjs'],
    platform: 'node',
    target: 'node20',
    removeNodeProtocol: false,
  },
  { ...common, entry: { edge: 'src/edge/index.ts' }, format: 'esm', platform: 'neutral' },
  { ...common, entry: { plan: 'src/plan/index.ts' }, format: 'esm', platform: 'neutral' },
  {
    entry: {
      index: 'src/browser/index.ts',
      react: 'src/react/index.ts',
      autocapture: 'src/autocapture/index.ts',
      node: 'src/node/index.ts',
      edge: 'src/edge/index.ts',
      plan: 'src/plan/index.ts',
    },
    format: 'esm',
    silent: true,
    dts: types,
  },
  { entry: { node: 'src/node/index.ts' }, format: 'cjs', silent: true, dts: types },
]);
