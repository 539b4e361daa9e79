// `node scripts/check-licenses.mjs`: every package that is shipped has a licence that lets anybody use it, and the lock file
// pins each by a hash. Reads package-lock.json and the packages that are installed; exits with 1 and names what is not right.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ALLOWED = new Set([
  ...[
    'MIT',
    'MIT-0',
    'ISC',
    'Apache-2.0',
    'BSD-2-Clause',
    'BSD-3-Clause',
    '0BSD',
    'BlueOak-1.0.0',
    'Unlicense',
  ],
  ...['CC0-1.0', 'PostgreSQL', 'PSF-2.0', 'Python-2.0', 'Zlib'],
]);

/** `MIT OR GPL-2.0` lets us choose; `MIT AND Zlib` binds to both. */
export function isAllowed(expression) {
  const text = expression.replace(/[()]/g, ' ').trim();
  return text
    .split(/\s+OR\s+/i)
    .some((choice) => choice.split(/\s+AND\s+/i).every((name) => ALLOWED.has(name.trim())));
}

export function check(lock, readManifest) {
  const faults = [];
  let shipped = 0;
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.link === true || !path.includes('node_modules/')) continue;
    if (entry.integrity === undefined && entry.inBundle !== true)
      faults.push(`${path} is not pinned by a hash`);
    if (entry.dev === true || entry.devOptional === true) continue;
    shipped += 1;
    const manifest = readManifest(path);
    const told =
      manifest?.license ?? manifest?.licenses?.map(({ type }) => type).join(' OR ') ?? entry.license;
    const license = typeof told === 'object' ? told?.type : told;
    if (license === undefined) faults.push(`${path} names no licence`);
    else if (!isAllowed(license)) faults.push(`${path} has the licence ${license}`);
  }
  return { shipped, faults };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const report = check(lock, (path) => {
    const file = join(root, path, 'package.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}
