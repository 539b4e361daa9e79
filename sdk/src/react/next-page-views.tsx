import { usePageViews, type Search } from './use-page-views.js';

export interface NextPageViewsProps {
  /** `usePathname` of `next/navigation`. */
  usePathname: () => string | null;
  /** `useSearchParams` of `next/navigation`; without it, another query is no other page. */
  useSearchParams?: () => Search;
}

const useNoSearch = (): Search => undefined;

/**
 * Page views of Next's App Router. Next's own hooks come in from outside, so that this package needs no Next:
 *
 *     'use client';
 *     import { usePathname, useSearchParams } from 'next/navigation';
 *     export const PageViews = () => <NextPageViews usePathname={usePathname} useSearchParams={useSearchParams} />;
 *
 * Put `<Suspense><PageViews /></Suspense>` into the root layout: Next asks for the boundary around `useSearchParams`.
 * @throws Error outside of a `SluiceProvider`
 */
export function NextPageViews({ usePathname, useSearchParams = useNoSearch }: NextPageViewsProps): null {
  usePageViews(usePathname(), useSearchParams());
  return null;
}
