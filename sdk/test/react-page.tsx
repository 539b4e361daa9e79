import { StrictMode, useEffect, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { init, type BrowserAnalytics, type BrowserSettings } from '../src/browser/index.js';
import { NextPageViews, SluiceProvider, useAnalytics, useTrack } from '../src/react/index.js';

/** The script of the page under test: an application around the hooks, shown at an address that the test sets. */

interface Address {
  pathname: string | null;
  search: string | null;
}

declare global {
  interface Window {
    startReact(settings: BrowserSettings, by: 'client' | 'settings'): void;
    /** Shows the application at an address; undefined takes it away. */
    show(address: Address | undefined): void;
    analytics: BrowserAnalytics;
    /** Each analytics, and each `track`, that a component has seen. */
    seen: Set<unknown>;
  }
}

window.seen = new Set();
window.startReact = (settings, by) => {
  const provided = by === 'client' ? { client: init(settings) } : { settings };
  const root = createRoot(document.querySelector('#root')!);
  window.show = (address) =>
    root.render(
      <StrictMode>
        <SluiceProvider {...provided}>{address && <App {...address} />}</SluiceProvider>
        {by === 'settings' && (
          <SluiceProvider {...provided}>
            <Witness />
          </SluiceProvider>
        )}
      </StrictMode>,
    );
};

function App({ pathname, search }: Address): ReactNode {
  const usePathname = (): string | null => pathname;
  const useSearchParams = (): URLSearchParams | null =>
    search === null ? null : new URLSearchParams(search);
  return (
    <>
      <NextPageViews usePathname={usePathname} useSearchParams={useSearchParams} />
      <Witness />
      <output>{`${pathname ?? ''}${search ?? ''}`}</output>
    </>
  );
}

function Witness(): null {
  const analytics = useAnalytics();
  const track = useTrack();
  useEffect(() => {
    window.analytics = analytics as BrowserAnalytics;
    window.seen.add(analytics);
    window.seen.add(track);
  });
  return null;
}
