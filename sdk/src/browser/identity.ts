import type { Identity } from '../core/analytics.js';
import type { Storage } from './storage.js';

/** Browsers keep a cookie 400 days at most. */
const MAX_AGE_SECONDS = 34_560_000;
const KEY = 'id';

/**
 * The anonymous id in a cookie, that subdomains share, and in localStorage, that outlives the cookie; the user's id in
 * localStorage only, so that the cookie stays small. Read at each use: another tab may have changed them.
 *
 * `cookieDomain`, e.g. `example.com`, makes one visitor of all its subdomains; '' keeps the cookie on this host;
 * undefined leaves cookies alone.
 */
export function createIdentity(
  storage: Storage,
  createId: () => string,
  cookieDomain: string | undefined,
): Identity {
  type Ids = [anonymousId: string, userId?: string];

  function read(): Ids {
    return (storage.read(KEY) as Ids | undefined) ?? write([createId()]);
  }

  function write(ids: Ids): Ids {
    storage.write(KEY, ids);
    if (storage.isShared) writeCookie(ids[0], MAX_AGE_SECONDS);
    return ids;
  }

  function writeCookie(value: string, maxAgeSeconds: number): void {
    if (cookieDomain === undefined) return;
    document.cookie = `sluice_id=${value};path=/;max-age=${maxAgeSeconds};samesite=lax;domain=${cookieDomain}`;
  }

  const fromCookie = cookieDomain === undefined ? null : /(?:^|; )sluice_id=([^;]+)/.exec(document.cookie);
  // The cookie wins: it may come from another subdomain.
  if (fromCookie && fromCookie[1] !== read()[0]) write([fromCookie[1]!, read()[1]]);

  return {
    get anonymousId() {
      return read()[0];
    },
    get userId() {
      return read()[1];
    },
    setUserId: (id) => void write([read()[0], id]),
    reset: () => void write([createId()]),
    keep() {
      storage.keep();
      write(read());
    },
    forget() {
      writeCookie('', 0);
      storage.forget();
    },
  };
}
