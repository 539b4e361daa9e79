// `npm run release -- VERSION [--dry-run]`: makes the commit and the tag of a release. It pushes and publishes nothing: that
// is what the release workflow does when the tag is pushed.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultsOfChangelog, notesOf, releaseUnreleased } from './changelog.mjs';
import { fail, root, tell } from './set-up.mjs';
import { lockWithVersion, versionAt, versionPlaces, withVersion } from './version-places.mjs';

const HELP = `npm run release -- VERSION [--dry-run]

VERSION is one like 1.2.3 or 1.2.3-beta.1, or major, minor or patch. Writes it wherever the version stands, moves what
CHANGELOG.md has under Unreleased to it, commits, and tags vVERSION. With --dry-run it says what it would do.
Nothing is pushed or published: pushing the tag does that.
`;
const STEPS = ['major', 'minor', 'patch'];

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const [wanted] = positionals;
if (wanted === undefined || positionals.length > 1) fail(HELP);

const places = versionPlaces(root);
const current = versionAt(root, places[0]);
const next = STEPS.includes(wanted) ? stepUp(current, wanted) : wanted;
const tag = `v${next}`;
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(next)) fail(`${JSON.stringify(next)} is not a version like 1.2.3.`);
if (!isAfter(next, current)) fail(`${next} does not come after ${current}.`);
if (git('status', '--porcelain') !== '') fail('There are changes that are not committed.');
if (git('tag', '--list', tag) !== '') fail(`There is a tag ${tag} already.`);
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
const faults = faultsOfChangelog(changelog);
if (faults.length > 0) fail(`CHANGELOG.md: ${faults.join(' ')}`);

const written = new Map();
try {
  written.set('CHANGELOG.md', releaseUnreleased(changelog, next, new Date().toISOString().slice(0, 10)));
} catch (error) {
  fail(error.message);
}
for (const place of places) written.set(place.file, withVersion(root, place, next));
written.set('package-lock.json', lockWithVersion(root, next));

tell(
  `${current} → ${next}: ${[...written.keys()].join(', ')}\n\n${notesOf(written.get('CHANGELOG.md'), next)}\n`,
);
if (flags['dry-run']) {
  tell('Nothing was written.');
} else {
  for (const [file, text] of written) writeFileSync(join(root, file), text);
  git('add', ...written.keys());
  git('commit', '--quiet', '--message', `chore: release ${tag}`);
  git('tag', '--annotate', tag, '--message', `Sluice ${next}`);
  tell(`Committed and tagged. To publish it: git push origin HEAD ${tag}`);
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
}

function stepUp(version, step) {
  const numbers = version.split('-')[0].split('.').map(Number);
  const at = STEPS.indexOf(step);
  return numbers.map((number, i) => (i < at ? number : i === at ? number + 1 : 0)).join('.');
}

/** Whether a version is a later one; one with a suffix comes before the same without. */
function isAfter(a, b) {
  const [[mainA, suffixA], [mainB, suffixB]] = [a, b].map((version) => {
    const [, main, suffix] = /^([\d.]+)(?:-(.*))?$/.exec(version);
    return [main, suffix];
  });
  const byMain = mainA.localeCompare(mainB, 'en', { numeric: true });
  if (byMain !== 0) return byMain > 0;
  if (suffixA === undefined || suffixB === undefined) return suffixA === undefined && suffixB !== undefined;
  return suffixA.localeCompare(suffixB, 'en', { numeric: true }) > 0;
}
