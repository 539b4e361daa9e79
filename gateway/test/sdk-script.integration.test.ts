import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startGateway, type TestGateway } from './start-gateway.js';

// `npm test` builds before it tests.
const BUILT = fileURLToPath(new URL('../../sdk/dist/sluice.js', import.meta.url));

describe('GET /sluice.js', () => {
  let t: TestGateway;
  beforeAll(async () => {
    t = await startGateway({ postgresUrl: inject('postgresUrl') });
  });
  afterAll(() => t.close());

  it('is the built SDK, gzipped for those who take it, for pages of every origin', async () => {
    const built = await readFile(BUILT);
    const plain = await t.gateway.app.inject({ url: '/sluice.js' });
    expect(plain.statusCode).toBe(200);
    expect(plain.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'access-control-allow-origin': '*',
      vary: 'Accept-Encoding',
    });
    expect(plain.rawPayload.equals(built)).toBe(true);
    const gzipped = await t.gateway.app.inject({
      url: '/sluice.js',
      headers: { 'accept-encoding': 'gzip, br' },
    });
    expect(gzipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzipped.rawPayload).equals(built)).toBe(true);
  });

  it('is not sent again to who has it', async () => {
    const { headers } = await t.gateway.app.inject({ url: '/sluice.js' });
    const again = await t.gateway.app.inject({
      url: '/sluice.js',
      headers: { 'if-none-match': String(headers['etag']) },
    });
    expect(again.statusCode).toBe(304);
    expect(again.rawPayload).toHaveLength(0);
  });
});
