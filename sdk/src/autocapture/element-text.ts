const MAX_LENGTH = 128;

/** What an element says to people; undefined where people write or choose, for that is their own. */
export function elementText(element: Element): string | undefined {
  if (element.closest('input,textarea,select,[contenteditable]:not([contenteditable=false])'))
    return undefined;
  const text = (element.getAttribute('aria-label') ?? element.textContent).replace(/\s+/g, ' ').trim();
  return text.slice(0, MAX_LENGTH) || undefined;
}
