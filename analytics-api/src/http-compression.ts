import compress from '@fastify/compress';
import type { FastifyInstance } from 'fastify';
import { constants } from 'node:zlib';

/** Answers smaller than this gain nothing, bytes. */
const THRESHOLD_BYTES = 1_024;
/** Answers up to this are compressed at once: half a millisecond, less than it takes to hand them to another thread. */
const AT_ONCE_BYTES = 64 * 1_024;
/** Of 11: beyond it, a few percent fewer bytes cost many times the time. */
const BROTLI_QUALITY = 4;
/** Text, but no stream of events, which must leave at once, and no Parquet, which is compressed already. */
const COMPRESSIBLE = /^(?:application\/(?:json|problem\+json|x-ndjson)|text\/csv)\b/;

/** Compresses answers for clients that take it. Bodies of requests are taken as they are: no small one becomes a large one. */
export async function compressAnswers(app: Pick<FastifyInstance, 'register'>): Promise<void> {
  await app.register(compress, {
    globalDecompression: false,
    threshold: THRESHOLD_BYTES,
    syncThreshold: AT_ONCE_BYTES,
    customTypes: COMPRESSIBLE,
    encodings: ['br', 'gzip'],
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } },
  });
}
