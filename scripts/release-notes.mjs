// `node scripts/release-notes.mjs TAG`: checks that a tag, every place of the version and CHANGELOG.md agree, and prints the
// notes of the release. The first step of the release workflow: nothing is published under a version that is not the code's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultsOfChangelog, notesOf } from './changelog.mjs';
import { fail, root } from './set-up.mjs';
import { versionAt, versionPlaces } from './version-places.mjs';

const [tag = ''] = process.argv.slice(2);
const version = tag.replace(/^v/, '');
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
const notes = notesOf(changelog, version);
const faults = [
  ...(tag.startsWith('v') ? [] : [`${JSON.stringify(tag)} is not a tag like v1.2.3.`]),
  ...versionPlaces(root)
    .filter((place) => versionAt(root, place) !== version)
    .map((place) => `${place.file} says ${versionAt(root, place)}, the tag ${version}.`),
  ...faultsOfChangelog(changelog),
  ...(notes === undefined ? [`CHANGELOG.md has no ${version}.`] : []),
];
if (faults.length > 0) fail(faults.join('\n'));
process.stdout.write(`${notes}\n`);
