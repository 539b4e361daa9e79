/** The address that tells one page view from the next; the part behind `#` belongs to it when a router lives there. */
export function pageAddress(withHash: boolean): string {
  return withHash ? location.href : location.href.split('#')[0]!;
}
