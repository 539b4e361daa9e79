import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { createCarrier, createSyncStorage, type CallContext } from './call-context.js';

describe('createCarrier', () => {
  it('reaches what is awaited, and keeps concurrent work apart', async () => {
    const carrier = createCarrier(new AsyncLocalStorage<CallContext>());
    const seen = await Promise.all(
      ['a', 'b'].map((userId) =>
        carrier.run({ userId }, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          return carrier.read()?.userId;
        }),
      ),
    );
    expect(seen).toEqual(['a', 'b']);
    expect(carrier.read()).toBeUndefined();
  });

  it('nests: the inner context has what it does not set itself from the outer one', () => {
    const carrier = createCarrier(new AsyncLocalStorage<CallContext>());
    const read = carrier.run({ userId: 'u', anonymousId: 'a', context: { ip: '1', locale: 'de' } }, () =>
      carrier.run({ userId: 'v', context: { ip: '2' } }, () => carrier.read()),
    );
    expect(read).toEqual({ userId: 'v', anonymousId: 'a', context: { ip: '2', locale: 'de' } });
  });

  it('reaches what runs at once where the runtime can do no more, and not what comes later', () => {
    const carrier = createCarrier(createSyncStorage());
    expect(carrier.run({ userId: 'u' }, () => carrier.read()?.userId)).toBe('u');
    expect(() =>
      carrier.run({ userId: 'u' }, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(carrier.read()).toBeUndefined();
  });
});
