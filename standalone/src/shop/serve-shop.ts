import { SluiceError } from '@sluice/contracts';
import type { HttpApp } from '@sluice/service-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readByteRange } from './byte-range.js';
import { readSite, siteFile, type SiteFile } from './read-site.js';

const ROOT = '/shop/';
/** Everything a page of the shop needs is beside it; its cards are coloured by attributes. */
const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/** Serves the example shop at `/shop/`; its `settings.js` holds the write key that it sends its events with. */
export async function serveShop(app: HttpApp, writeKey: string): Promise<void> {
  const files = await readSite(shopDir());
  const settings = `window.shop = ${JSON.stringify({ writeKey })};\n`;
  files.set('settings.js', siteFile(Buffer.from(settings), 'text/javascript; charset=utf-8'));

  const answer = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { pathname, search } = new URL(request.url, 'http://localhost');
    // The addresses within the shop are relative to its root.
    if (!pathname.startsWith(ROOT)) return reply.redirect(`${ROOT}${search}`, 308);
    const file = files.get(pathname.slice(ROOT.length) || 'index.html');
    if (file === undefined) throw new SluiceError('not_found');
    return sendFile(file, request, reply);
  };
  app.get('/shop', { schema: { hide: true } }, answer);
  app.get('/shop/*', { schema: { hide: true } }, answer);
}

function sendFile(file: SiteFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { bytes, contentType, etag } = file;
  void reply
    .header('content-type', contentType)
    .header('cache-control', 'no-cache')
    .header('etag', etag)
    .header('accept-ranges', 'bytes')
    .header('content-security-policy', PAGE_POLICY)
    // Within a site, who led to a page is told, as everywhere on the web.
    .header('referrer-policy', 'strict-origin-when-cross-origin');
  if (request.headers['if-none-match'] === etag) return reply.status(304).send();
  // Browsers ask for parts of a film to move within it.
  const range = readByteRange(request.headers.range, bytes.length);
  if (range === undefined) return reply.send(bytes);
  if (range === 'unsatisfiable') {
    return reply.status(416).header('content-range', `bytes */${bytes.length}`).send();
  }
  return reply
    .status(206)
    .header('content-range', `bytes ${range.first}-${range.last}/${bytes.length}`)
    .send(bytes.subarray(range.first, range.last + 1));
}

function shopDir(): string {
  const manifest = createRequire(import.meta.url).resolve('@sluice/example-shop/package.json');
  return join(dirname(manifest), 'src');
}
