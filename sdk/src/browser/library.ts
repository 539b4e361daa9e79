/** How messages name this SDK; a test holds it against the package. */
export const LIBRARY = { name: '@sluice/sdk', version: '0.1.0' };
