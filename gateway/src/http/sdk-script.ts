import { SluiceError } from '@sluice/contracts';
import type { FastifyInstance } from 'fastify';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzip } from 'node:zlib';
import { promisify } from 'node:util';

interface Script {
  bytes: Buffer;
  gzipped: Buffer;
  etag: string;
}

const MISSING = new Set(['MODULE_NOT_FOUND', 'ENOENT']);
/** How long browsers use the script without asking, seconds: a new version is everywhere after that. */
const MAX_AGE_SECONDS = 3_600;

/** `GET /sluice.js`: the script build of the SDK, so that a website needs no other server than the one its events go to. */
export function registerSdkScript(app: FastifyInstance): void {
  let script: Promise<Script> | undefined;
  app.get(
    '/sluice.js',
    { schema: { tags: ['sdk'], summary: 'The SDK for websites, as one script' } },
    async (request, reply) => {
      script ??= readScript().catch((error: unknown) => {
        script = undefined;
        throw error;
      });
      const { bytes, gzipped, etag } = await script;
      void reply
        .header('content-type', 'text/javascript; charset=utf-8')
        .header('cache-control', `public, max-age=${MAX_AGE_SECONDS}`)
        .header('etag', etag)
        .header('vary', 'Accept-Encoding')
        .header('access-control-allow-origin', '*');
      if (request.headers['if-none-match'] === etag) return reply.status(304).send();
      if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(bytes);
      return reply.header('content-encoding', 'gzip').send(gzipped);
    },
  );
}

/** @throws SluiceError not_found where the SDK is not built beside the gateway */
async function readScript(): Promise<Script> {
  let bytes: Buffer;
  try {
    bytes = await readFile(createRequire(import.meta.url).resolve('@sluice/sdk/script'));
  } catch (error) {
    if (!MISSING.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new SluiceError('not_found', { message: 'The SDK is not built.', cause: error });
  }
  const gzipped = await promisify(gzip)(bytes, { level: 9 });
  return { bytes, gzipped, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` };
}
