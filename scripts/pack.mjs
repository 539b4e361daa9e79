// `npm run pack -- [--out DIR] [--json]`: makes the tarballs that are published, from the build as it is. Each is staged in
// a folder of its own first, so that what is published differs from the workspace only where this file says so.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { publishedManifest, repositoryUrlFrom } from './published-manifest.mjs';
import { fail, root, setUp } from './set-up.mjs';

/**
 * What is published. The libraries bring what they take of the workspaces in their own files. The application brings the
 * workspaces beside it, whole: each finds its migrations, its WebAssembly and its pages where it looks for them.
 */
const PACKAGES = [
  { folder: 'sdk' },
  { folder: 'query-client' },
  { folder: 'standalone', name: 'sluice', bundlesWorkspaces: true },
];
/** Folders of a workspace that are published where its manifest lists none. */
const ALL_FILES = ['src'];
const CODE = new Set(['.js', '.cjs', '.mjs']);

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, '.cache', 'packages') },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  process.stdout.write(`npm run pack -- [--out DIR] [--json]

Makes the tarballs that are published (${PACKAGES.map(({ folder }) => folder).join(', ')}) in DIR,
by default .cache/packages. With --json, the last line of output is one object: name, version, file and size of each.
`);
  process.exit(0);
}
setUp();

const rootManifest = readManifest('.');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
const workspaces = new Map(
  rootManifest.workspaces.map((folder) => [readManifest(folder).name, { folder, ...readManifest(folder) }]),
);
const repositoryUrl = repositoryUrlFrom(process.env);
const out = resolve(flags.out);
mkdirSync(out, { recursive: true });

const staging = mkdtempSync(join(tmpdir(), 'sluice-pack-'));
try {
  const packed = PACKAGES.map(pack);
  for (const { name, version, file, packedBytes } of packed) {
    process.stderr.write(`${name} ${version}: ${packedBytes} bytes, ${file}\n`);
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ packages: packed })}\n`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}

/** Stages one package and has npm make its tarball. */
function pack({ folder, name, bundlesWorkspaces = false }) {
  const stage = join(staging, folder);
  const published = publish(folder, stage);
  const manifest = {
    ...published,
    ...(bundlesWorkspaces ? bundleWorkspaces(published, stage) : {}),
    ...(name === undefined ? {} : { name }),
  };
  writeManifest(stage, manifest);
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
  copyReadme(folder, stage);
  const [{ filename, size, unpackedSize, files }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], {
      cwd: stage,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  return {
    name: manifest.name,
    version: manifest.version,
    file: join(out, filename),
    packedBytes: size,
    unpackedBytes: unpackedSize,
    files: files.map(({ path }) => path).sort(),
  };
}

/** Copies what a workspace publishes and gives its manifest. */
function publish(folder, stage) {
  const source = readManifest(folder);
  mkdirSync(stage, { recursive: true });
  for (const entry of source.files ?? ALL_FILES) {
    const from = join(root, folder, entry);
    if (!existsSync(from)) fail(`${folder}/${entry} is missing: it is part of what is published.`);
    copyFiles(from, join(stage, entry));
  }
  return publishedManifest(source, { engines: rootManifest.engines, folder, repositoryUrl });
}

/** Maps of the sources stay here: they are larger than the code, and an exact copy of what the repository has. */
function copyFiles(from, to) {
  if (statSync(from).isDirectory()) {
    for (const name of readdirSync(from)) copyFiles(join(from, name), join(to, name));
    return;
  }
  if (extname(from) === '.map') return;
  mkdirSync(dirname(to), { recursive: true });
  if (!CODE.has(extname(from))) return cpSync(from, to);
  writeFileSync(to, readFileSync(from, 'utf8').replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
}

/**
 * Puts every workspace that a package needs into its node_modules, and gives the manifest's part that says so: the
 * workspaces by exact version, and what they take of others at the versions that were tested together.
 */
function bundleWorkspaces(manifest, stage) {
  const bundled = new Map();
  const others = {};
  const pin = ({ name, folder, dependencies = {} }) =>
    Object.fromEntries(
      Object.keys(dependencies).map((dependency) => {
        const workspace = workspaces.get(dependency);
        if (workspace !== undefined) {
          if (!bundled.has(dependency)) bundled.set(dependency, bundle(workspace));
          return [dependency, workspace.version];
        }
        const version = lockedVersion(folder, dependency);
        if ((others[dependency] ??= version) !== version) {
          fail(`${name} has ${dependency} ${version}, another workspace ${others[dependency]}.`);
        }
        return [dependency, version];
      }),
    );
  const bundle = (workspace) => {
    bundled.set(workspace.name, undefined);
    const place = join(stage, 'node_modules', workspace.name);
    writeManifest(place, { ...publish(workspace.folder, place), dependencies: pin(workspace) });
    return workspace;
  };
  pin(workspaces.get(manifest.name));
  const names = [...bundled.keys()].sort();
  const pinned = {
    ...others,
    ...Object.fromEntries(names.map((name) => [name, workspaces.get(name).version])),
  };
  return {
    dependencies: Object.fromEntries(Object.entries(pinned).sort(([a], [b]) => (a < b ? -1 : 1))),
    bundleDependencies: names,
  };
}

/** The version that a workspace gets of a dependency by the lock file. */
function lockedVersion(folder, name) {
  const entry = lock[`${folder}/node_modules/${name}`] ?? lock[`node_modules/${name}`];
  return entry?.version ?? fail(`The lock file has no ${name}.`);
}

/** A README's links within the repository become addresses, where the repository has one. */
function copyReadme(folder, stage) {
  const own = join(root, folder, 'README.md');
  const file = existsSync(own) ? own : join(root, 'README.md');
  const at = existsSync(own) ? `${folder}/` : '';
  const text = readFileSync(file, 'utf8').replace(/\]\((?!\w+:|#)([^)]+)\)/g, (link, target) =>
    repositoryUrl === undefined
      ? link
      : `](${new URL(`${at}${target}`, `${repositoryUrl}/blob/v${rootManifest.version}/`).href})`,
  );
  writeFileSync(join(stage, 'README.md'), text);
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

function writeManifest(stage, manifest) {
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}
