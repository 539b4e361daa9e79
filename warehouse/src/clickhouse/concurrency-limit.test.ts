import { describe, expect, it } from 'vitest';
import { createConcurrencyLimit } from './concurrency-limit.js';

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

describe('createConcurrencyLimit', () => {
  it('never runs more than the limit, and runs all', async () => {
    const limit = createConcurrencyLimit(3);
    let running = 0;
    let most = 0;
    let done = 0;
    await Promise.all(
      Array.from({ length: 50 }, () =>
        limit.run(async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          done++;
        }),
      ),
    );
    expect({ most, done }).toEqual({ most: 3, done: 50 });
  });

  it('gives the place of a task that failed to the next one', async () => {
    const limit = createConcurrencyLimit(1);
    await expect(limit.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(limit.run(() => Promise.resolve('next'))).resolves.toBe('next');
  });

  it('takes an aborted task out of the line without running it', async () => {
    const limit = createConcurrencyLimit(1);
    const first = deferred();
    const running = limit.run(() => first.promise);
    const abort = new AbortController();
    let ran = false;
    const second = limit.run(() => Promise.resolve((ran = true)), abort.signal);
    const third = limit.run(() => Promise.resolve('third'));
    abort.abort(new Error('not wanted any more'));
    await expect(second).rejects.toThrow('not wanted any more');
    first.resolve();
    await running;
    await expect(third).resolves.toBe('third');
    expect(ran).toBe(false);
  });
});
