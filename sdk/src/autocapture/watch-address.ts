/**
 * Tells of every change of the address without a new page: `pushState`, `replaceState`, back and forward, and the part
 * behind `#`. The listener is called right after the change, inside the page's own call.
 */
export function watchAddress(onChange: () => void): () => void {
  listeners.add(onChange);
  if (listeners.size === 1) start();
  return () => {
    if (listeners.delete(onChange) && listeners.size === 0) stop();
  };
}

// There is one history in a page, so there is one watch over it, however many modules look.
const listeners = new Set<() => void>();
const METHODS = ['pushState', 'replaceState'] as const;
let restorers: (() => void)[] = [];

function tell(): void {
  for (const listener of listeners) {
    try {
      listener();
    } catch {
      // Not the page's matter.
    }
  }
}

function start(): void {
  restorers = METHODS.map(wrap);
  addEventListener('popstate', tell, true);
  addEventListener('hashchange', tell, true);
}

function stop(): void {
  for (const restore of restorers) restore();
  removeEventListener('popstate', tell, true);
  removeEventListener('hashchange', tell, true);
}

/** A wrapper around ours cannot be taken off without breaking it: then ours stays beneath, and tells nobody. */
function wrap(method: (typeof METHODS)[number]): () => void {
  const wasOwn = Object.hasOwn(history, method);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the `this` of its caller
  const original = history[method];
  const wrapped: typeof original = function (this: History, ...args) {
    original.apply(this, args);
    tell();
  };
  history[method] = wrapped;
  return () => {
    if (history[method] !== wrapped) return;
    if (wasOwn) history[method] = original;
    else Reflect.deleteProperty(history, method);
  };
}
