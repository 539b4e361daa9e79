// `node deploy/try-dockerfile.mjs DIR`: what the Dockerfile's first stage does, without an engine. Copies into DIR what .dockerignore
// lets through and runs the RUN lines there; DIR is then what the image has as /app. Lines of the last stage change the image around it
// and are not run. The last line of output is one JSON object.
import { spawnSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const target = process.argv[2];
if (target === undefined || target.startsWith('-')) {
  process.stderr.write('usage: node deploy/try-dockerfile.mjs DIR\n');
  process.exit(2);
}
const dir = resolve(target);
const tell = (line) => process.stderr.write(`${line}\n`);

const rules = readFileSync(join(root, '.dockerignore'), 'utf8')
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ isKept: line.startsWith('!'), pattern: patternOf(line.replace(/^!/, '')) }));

/** `*` within a name, `**` over any number of folders; a folder stands for all in it. */
function patternOf(glob) {
  const source = glob
    .split(/(\*\*\/|\*\*|\*)/)
    .map((part) =>
      part === '**/'
        ? '(?:.*/)?'
        : part === '**'
          ? '.*'
          : part === '*'
            ? '[^/]*'
            : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}(?:/.*)?$`);
}

/** The last rule that matches decides. */
function isInContext(path) {
  return rules.findLast(({ pattern }) => pattern.test(path))?.isKept ?? true;
}

function* filesOf(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    // Never in the context; left aside for speed.
    if (['node_modules', '.git', 'dist', '.cache', '.turbo'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    else yield relative(root, path);
  }
}

const lines = readFileSync(join(root, 'Dockerfile'), 'utf8')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '' && !line.startsWith('#'));
const firstStage = lines.slice(
  0,
  lines.findLastIndex((line) => line.startsWith('FROM ')),
);

let copied = 0;
for (const line of firstStage) {
  if (/^(FROM|WORKDIR) /.test(line)) continue;
  if (line === 'COPY . .') {
    for (const path of filesOf(root)) {
      if (!isInContext(path)) continue;
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      cpSync(join(root, path), join(dir, path));
      copied++;
    }
    tell(`COPY . . (${copied} files)`);
  } else if (line.startsWith('RUN ')) {
    const command = line.slice('RUN '.length).replace(/\s+/g, ' ');
    if (/(?<![\w.*)])\/(?!app\b)[a-z]/.test(command))
      throw new Error(`not run, it names another folder: ${line}`);
    tell(`RUN ${command}`);
    const run = spawnSync('sh', ['-c', command], { cwd: dir, stdio: ['ignore', 2, 2] });
    if (run.status !== 0) throw new Error(`failed: ${line}`);
  } else {
    throw new Error(`not known here: ${line}`);
  }
}

function bytesOf(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}
const mebibytes = Math.round(bytesOf(dir) / 2 ** 20);
process.stdout.write(`${JSON.stringify({ dir, copied, mebibytes })}\n`);
