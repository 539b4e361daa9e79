/**
 * Listens on the window until the returned function is called. In the capture phase, so that a page that stops an event
 * hides nothing, and ahead of what the SDK itself does when a page is left; passive, so that no scrolling waits. Whatever
 * the handler throws ends here: a page never feels that it is watched.
 */
export function listen(types: readonly string[], handle: (event: Event) => void): () => void {
  const guarded = (event: Event): void => {
    try {
      handle(event);
    } catch {
      // Not the page's matter.
    }
  };
  const options = { capture: true, passive: true };
  for (const type of types) addEventListener(type, guarded, options);
  return () => {
    for (const type of types) removeEventListener(type, guarded, options);
  };
}
