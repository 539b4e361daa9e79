/** The condition under which workspaces read each other's sources; nothing of it is published. */
const SOURCE_CONDITION = 'sluice-source';

/**
 * A package.json as it is published: without what only this repository needs, and with the repository it is built in
 * when that is known, as on a runner of GitHub Actions (a registry compares it with the provenance).
 * @param {Record<string, any>} manifest of the workspace
 * @param {{ engines: Record<string, string>, folder: string, repositoryUrl?: string }} context
 */
export function publishedManifest(manifest, { engines, folder, repositoryUrl }) {
  const { scripts, devDependencies, private: isPrivate, exports, ...kept } = manifest;
  void [scripts, devDependencies, isPrivate];
  return {
    ...kept,
    engines,
    ...(repositoryUrl === undefined
      ? {}
      : { repository: { type: 'git', url: `git+${repositoryUrl}.git`, directory: folder } }),
    ...(exports === undefined ? {} : { exports: withoutSources(exports) }),
  };
}

/** Exports without the sources' condition, and without types that stand in sources. */
function withoutSources(exports) {
  if (typeof exports === 'string') return exports;
  return Object.fromEntries(
    Object.entries(exports)
      .filter(([condition, target]) => condition !== SOURCE_CONDITION && !isSource(target))
      .map(([condition, target]) => [condition, withoutSources(target)]),
  );
}

function isSource(target) {
  return typeof target === 'string' && target.startsWith('./src/');
}

/** `https://github.com/OWNER/NAME` where a workflow of GitHub runs, else undefined: a checkout does not know its address. */
export function repositoryUrlFrom(environment) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = environment;
  return server && name ? `${server}/${name}` : undefined;
}
