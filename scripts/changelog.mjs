/**
 * CHANGELOG.md as data: `## Unreleased` first, then one `## VERSION (YYYY-MM-DD)` a release, the newest first; in each,
 * `### Added`, `### Changed`, `### Deprecated`, `### Removed`, `### Fixed` or `### Security` with a list.
 */
const UNRELEASED = 'Unreleased';
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
const RELEASE = /^(\d+\.\d+\.\d+(?:-[\w.]+)?) \(\d{4}-\d{2}-\d{2}\)$/;

/** The sections from top to bottom: what the heading says, the version (undefined: not released yet), and the text. */
export function readChangelog(text) {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const end = section.indexOf('\n');
      const heading = section.slice(0, end === -1 ? undefined : end).trim();
      return {
        heading,
        version: RELEASE.exec(heading)?.[1],
        body: end === -1 ? '' : section.slice(end).trim(),
      };
    });
}

/** What is not as the format says, in words. */
export function faultsOfChangelog(text) {
  const [first, ...released] = readChangelog(text);
  const faults = [];
  if (!text.startsWith('# Changelog\n')) faults.push('It does not begin with "# Changelog".');
  if (first?.heading !== UNRELEASED) faults.push(`Its first section is not "## ${UNRELEASED}".`);
  for (const { heading, version } of released) {
    if (version === undefined) faults.push(`"## ${heading}" is not "## VERSION (YYYY-MM-DD)".`);
  }
  for (const { heading, body } of [first, ...released].filter((section) => section !== undefined)) {
    for (const [, kind] of body.matchAll(/^### (.*)$/gm)) {
      if (!KINDS.includes(kind)) faults.push(`"### ${kind}" of ${heading} is none of ${KINDS.join(', ')}.`);
    }
  }
  return faults;
}

/** What a version brought, as Markdown; undefined when the changelog has no such version. */
export function notesOf(text, version) {
  return readChangelog(text).find((section) => section.version === version)?.body;
}

/** The changelog after what is unreleased was released. @throws Error when nothing is. */
export function releaseUnreleased(text, version, date) {
  const [unreleased] = readChangelog(text);
  if (unreleased?.heading !== UNRELEASED || unreleased.body === '') {
    throw new Error('The Unreleased section of CHANGELOG.md is empty: there is nothing to release.');
  }
  if (notesOf(text, version) !== undefined) throw new Error(`CHANGELOG.md has ${version} already.`);
  return text.replace(`## ${UNRELEASED}\n`, `## ${UNRELEASED}\n\n## ${version} (${date})\n`);
}
