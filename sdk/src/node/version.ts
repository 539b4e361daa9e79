import packageJson from '../../package.json' with { type: 'json' };

/** What `context.library` says. */
export const LIBRARY = { name: packageJson.name, version: packageJson.version };
