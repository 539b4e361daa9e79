/** Elements below one with this attribute are never looked at. */
const IGNORED = '[data-sluice-ignore]';

export type Link = HTMLAnchorElement | HTMLAreaElement;

/** The elements of an event from the innermost out, through open shadow roots. Empty below `data-sluice-ignore`. */
export function elementsOf(event: Event): Element[] {
  const elements = event.composedPath().filter((target) => target instanceof Element);
  return elements.some((element) => element.matches(IGNORED)) ? [] : elements;
}

/**
 * The link that a click with the main or the middle button is on. The page may still prevent what the click does: waiting
 * to see would lose the clicks that leave the page.
 */
export function linkOfClick(event: Event): Link | undefined {
  if ((event as MouseEvent).button > 1) return undefined;
  return elementsOf(event).find(
    (element): element is Link =>
      (element instanceof HTMLAnchorElement || element instanceof HTMLAreaElement) && element.href !== '',
  );
}

export function isOnWeb(link: Pick<Link, 'protocol'>): boolean {
  return /^https?:$/.test(link.protocol);
}
