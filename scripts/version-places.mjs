import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Every place that says which version this is. Whatever else wants to know reads a package.json.
 * @param {string} root
 * @returns {{ file: string, pattern: RegExp }[]}
 */
export function versionPlaces(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return [
    ...['.', ...workspaces].map((folder) => ({
      file: join(folder, 'package.json'),
      pattern: /^(?<before> {2}"version": ")(?<version>[^"]+)/m,
    })),
    // Its size in a page counts: it cannot bring its package.json.
    { file: 'sdk/src/browser/library.ts', pattern: /(?<before>version: ')(?<version>[^']+)/ },
    ...(existsSync(join(root, 'docker-compose.yml'))
      ? [{ file: 'docker-compose.yml', pattern: /(?<before>\$\{SLUICE_VERSION:-)(?<version>[^}]+)/ }]
      : []),
  ];
}

/**
 * The version that a place says.
 * @param {string} root
 * @param {{ file: string, pattern: RegExp }} place
 * @returns {string}
 * @throws Error when it says none
 */
export function versionAt(root, { file, pattern }) {
  const version = pattern.exec(readFileSync(join(root, file), 'utf8'))?.groups?.version;
  if (version === undefined) throw new Error(`${file} says no version.`);
  return version;
}

/** The text of a place with another version in it. */
export function withVersion(root, { file, pattern }, version) {
  return readFileSync(join(root, file), 'utf8').replace(pattern, `$<before>${version}`);
}

/** The lock file's text with another version of the root and the workspaces; nothing else in it changes. */
export function lockWithVersion(root, version) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  lock.version = version;
  for (const folder of ['', ...workspaces]) lock.packages[folder].version = version;
  return `${JSON.stringify(lock, null, 2)}\n`;
}
