import { SluiceError } from '@sluice/contracts';
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';

/** Makes the stream that decodes one content encoding; `first` is the first bytes of the body. */
export type DecoderFactory = (first: Uint8Array) => Transform;

interface ZlibWithZstd {
  createZstdDecompress?: (options?: { params?: Record<number, number> }) => Transform;
  constants: { ZSTD_d_windowLogMax?: number };
}

/** A zstd frame may ask for a window of 2 GiB; 8 MiB is what every level up to 19 stays within. */
const ZSTD_WINDOW_LOG = 23;

const decoders = new Map<string, DecoderFactory>([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', (first) => (looksLikeZlib(first) ? zlib.createInflate() : zlib.createInflateRaw())],
  ['br', () => zlib.createBrotliDecompress()],
]);
const zstd = zlib as unknown as ZlibWithZstd;
if (zstd.createZstdDecompress !== undefined) {
  const { createZstdDecompress } = zstd;
  const windowLog = zstd.constants.ZSTD_d_windowLogMax;
  decoders.set('zstd', () =>
    createZstdDecompress(windowLog === undefined ? {} : { params: { [windowLog]: ZSTD_WINDOW_LOG } }),
  );
}

/** The encodings this Node can decode, as told to clients that use another one. */
export const ACCEPTED_ENCODINGS = [...decoders.keys()].filter((name) => name !== 'x-gzip').join(', ');

/**
 * The decoder of a Content-Encoding; undefined when the body is not encoded.
 * @throws SluiceError unsupported_encoding, naming what is accepted.
 */
export function findDecoder(contentEncoding: string | undefined): DecoderFactory | undefined {
  if (contentEncoding === undefined) return undefined;
  const name = contentEncoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  const decoder = decoders.get(name);
  if (decoder === undefined) {
    throw new SluiceError('unsupported_encoding', {
      message: `This Content-Encoding is not supported; accepted are: ${ACCEPTED_ENCODINGS}.`,
      field: 'content-encoding',
    });
  }
  return decoder;
}

/** `deflate` means zlib by the standard and raw deflate in some clients; a zlib header is a multiple of 31. */
function looksLikeZlib(first: Uint8Array): boolean {
  const [a = 0, b = 0] = first;
  return (a & 0x0f) === 8 && ((a << 8) | b) % 31 === 0;
}
