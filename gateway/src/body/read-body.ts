import { SluiceError } from '@sluice/contracts';
import type { Readable, Transform } from 'node:stream';
import type { Deadlines } from '../deadlines.js';
import type { BodyMemory, LentBytes } from './body-memory.js';
import type { DecoderFactory } from './inflate.js';

/** What a decoder is chosen by. */
const HEAD_BYTES = 2;

/** A body as it arrived, decompressed, in memory that it is lent. */
export interface ReceivedBody extends LentBytes {
  /** What came over the wire, bytes. */
  wireBytes: number;
}

export interface ReadBodyOptions {
  /** Content-Length, where the client says it. */
  declaredBytes: number | undefined;
  decoder: DecoderFactory | undefined;
  maxBodyBytes: number;
  maxInflatedBytes: number;
  deadlines: Deadlines;
  memory: BodyMemory;
  /** Told of every piece that is kept in memory. */
  onBytes: (count: number) => void;
}

/**
 * Collects a body within its bounds. `done` is called once. When a bound is passed, reading ends there and then: what was
 * kept is dropped and the rest of the request is discarded as it comes, so that memory stays flat.
 *
 * Errors: body_too_large, inflated_body_too_large, invalid_encoding, request_timeout, invalid_request (connection lost).
 */
export function readBody(
  source: Readable,
  options: ReadBodyOptions,
  done: (error: SluiceError | null, body?: ReceivedBody) => void,
): void {
  const { declaredBytes, decoder, maxBodyBytes, maxInflatedBytes, onBytes } = options;
  let chunks: Buffer[] = [];
  let wireBytes = 0;
  let keptBytes = 0;
  let stream: Transform | undefined;
  // What came before there were enough bytes to choose the decoder by.
  let head: Buffer = Buffer.alloc(0);
  let finished = false;

  if (declaredBytes !== undefined && declaredBytes > maxBodyBytes) {
    discard();
    done(tooLarge('body_too_large', maxBodyBytes));
    return;
  }
  const deadline = options.deadlines.set(() => fail(new SluiceError('request_timeout')));
  source.on('data', onWire);
  source.on('end', onEnd);
  source.on('error', onLost);
  source.on('close', onLost);

  function onWire(chunk: Buffer): void {
    wireBytes += chunk.length;
    if (wireBytes > maxBodyBytes) fail(tooLarge('body_too_large', maxBodyBytes));
    else if (decoder === undefined) keep(chunk);
    else writeToDecoder(decoder, chunk);
  }

  function writeToDecoder(factory: DecoderFactory, piece: Buffer): void {
    let chunk = piece;
    if (stream === undefined) {
      chunk = Buffer.concat([head, piece]);
      if (chunk.length < HEAD_BYTES) {
        head = chunk;
        return;
      }
      stream = factory(chunk);
      stream.on('data', onInflated);
      stream.on('end', succeed);
      stream.on('error', () => fail(new SluiceError('invalid_encoding')));
    }
    if (!stream.write(chunk)) {
      source.pause();
      stream.once('drain', () => source.resume());
    }
  }

  function onInflated(chunk: Buffer): void {
    if (keptBytes + chunk.length > maxInflatedBytes) {
      fail(tooLarge('inflated_body_too_large', maxInflatedBytes));
    } else keep(chunk);
  }

  function keep(chunk: Buffer): void {
    chunks.push(chunk);
    keptBytes += chunk.length;
    onBytes(chunk.length);
  }

  function onEnd(): void {
    // The whole body is here: the source may close while the decoder still works.
    source.off('close', onLost);
    if (stream !== undefined) stream.end();
    else if (head.length > 0) fail(new SluiceError('invalid_encoding'));
    else succeed();
  }

  function onLost(): void {
    fail(new SluiceError('invalid_request', { message: 'The connection closed before the body was whole.' }));
  }

  function succeed(): void {
    if (finished) return;
    finish();
    done(null, { ...options.memory.gather(chunks, keptBytes), wireBytes });
  }

  function fail(error: SluiceError): void {
    if (finished) return;
    finish();
    chunks = [];
    discard();
    done(error);
  }

  function finish(): void {
    finished = true;
    deadline.clear();
    source.off('data', onWire);
    source.off('end', onEnd);
    source.off('close', onLost);
    // The listener for errors stays: a connection may break while its rest is discarded.
    if (stream !== undefined) {
      stream.removeAllListeners('data');
      stream.removeAllListeners('drain');
      stream.destroy();
    }
  }

  function discard(): void {
    source.resume();
  }
}

function tooLarge(code: 'body_too_large' | 'inflated_body_too_large', limit: number): SluiceError {
  const what = code === 'body_too_large' ? 'The body' : 'The decompressed body';
  return new SluiceError(code, { message: `${what} is larger than ${limit} bytes.` });
}
