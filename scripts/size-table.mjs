// `node scripts/size-table.mjs SIZES PACKAGES`: what pages and installations pay, as a Markdown table, from the last lines of
// `npm run bench -- sdk-size --json` and `npm run pack -- --json`. Exits with 1 when a budget is not kept.
import { readFileSync } from 'node:fs';
import { fail } from './set-up.mjs';

const [sizesFile, packagesFile] = process.argv.slice(2);
if (sizesFile === undefined || packagesFile === undefined) fail('node scripts/size-table.mjs SIZES PACKAGES');
const readLastLine = (file) => JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1));
const sizes = readLastLine(sizesFile);
const { packages } = readLastLine(packagesFile);
const { core, module } = sizes.budgets;

const row = (...cells) => `| ${cells.join(' | ')} |`;
const percent = (bytes, budget) => `${Math.round((bytes / budget) * 100)} %`;
process.stdout.write(
  `${[
    '### The SDK in a page',
    '',
    row('part', 'bytes (gzip)', 'budget', 'used'),
    row('---', '--:', '--:', '--:'),
    row('`init` and `track`', sizes.coreGzip, core, percent(sizes.coreGzip, core)),
    ...Object.entries(sizes.modules).map(([name, bytes]) =>
      row(`\`${name}\``, bytes, module, percent(bytes, module)),
    ),
    row('loaded later by every page', sizes.coreLaterGzip, '', ''),
    ...Object.entries(sizes.lazy).map(([name, bytes]) => row(`loaded later by \`${name}\``, bytes, '', '')),
    '',
    '### Packages',
    '',
    row('package', 'tarball, bytes', 'unpacked', 'files'),
    row('---', '--:', '--:', '--:'),
    ...packages.map(({ name, packedBytes, unpackedBytes, files }) =>
      row(`\`${name}\``, packedBytes, unpackedBytes, files.length),
    ),
  ].join('\n')}\n`,
);
if (sizes.exceeded.length > 0) fail(sizes.exceeded.join('\n'));
