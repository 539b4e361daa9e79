import { describe, expect, inject, it } from 'vitest';
import { openApiFixture } from '../../analytics-api/test/api-fixture.js';
import { startGateway } from '../../gateway/test/start-gateway.js';
import type { OpenApi } from '../src/docs/reference/open-api.js';
import { referenceFiles, staleFiles } from '../src/docs/reference/reference-files.js';
import { repositoryRoot } from '../src/docs/repository-root.js';

describe('docs/api.md', () => {
  it('is what the services say of themselves; `npm run docs:reference` makes it', async () => {
    const gateway = await startGateway({ postgresUrl: inject('postgresUrl') });
    const api = await openApiFixture();
    try {
      const read = async (app: { inject(url: string): Promise<{ json(): unknown }> }): Promise<OpenApi> =>
        (await app.inject('/openapi.json')).json() as OpenApi;
      const files = await referenceFiles(repositoryRoot, {
        gateway: await read(gateway.gateway.app),
        analyticsApi: await read(api.app),
      });
      expect(await staleFiles(repositoryRoot, files)).toEqual([]);
    } finally {
      await api.close();
      await gateway.close();
    }
  });

  it('leaves no reference to a schema that is not there', async () => {
    const api = await openApiFixture();
    try {
      const text = (await api.app.inject('/openapi.json')).body;
      const { components } = JSON.parse(text) as OpenApi;
      for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
        expect(Object.keys(components?.schemas ?? {})).toContain(name);
      }
    } finally {
      await api.close();
    }
  });
});
