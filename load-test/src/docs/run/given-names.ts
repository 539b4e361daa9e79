/** What the scripts of a page take as given, as declarations: a page need not say again what it has just explained. */
export const GIVEN: Readonly<Record<string, string>> = {
  'docs/sdk.md': `
    import type { BrowserAnalytics } from '@sluice/sdk';
    import type { ReactNode } from 'react';
    declare global {
      const init: typeof import('@sluice/sdk').init;
      const analytics: BrowserAnalytics;
      const writeKey: string;
      const host: string;
      const acceptButton: HTMLButtonElement;
      const rejectButton: HTMLButtonElement;
      const root: HTMLElement;
      function createRoot(element: HTMLElement): { render(node: ReactNode): void };
      function useLocation(): { pathname: string; search: string };
    }`,
  'docs/sdk-node.md': `
    import type { NodeAnalytics } from '@sluice/sdk/node';
    declare global {
      const init: typeof import('@sluice/sdk/node').init;
      const analytics: NodeAnalytics;
      const writeKey: string;
      const host: string;
      const plan: { 'Signed Up': import('zod').ZodObject };
      const rows: { id: string; userId: string }[];
      const app: {
        use(
          handle: (
            request: {
              ip: string;
              headers: Record<string, string | undefined>;
              cookies: Record<string, string>;
              user?: { id: string };
            },
            response: unknown,
            next: () => void,
          ) => void,
        ): void;
      };
      interface ImportMeta {
        env: { DEV: boolean };
      }
    }`,
  'docs/query.md': `
    import type { QueryClient } from '@sluice/query';
    declare global {
      const client: QueryClient;
      const admin: QueryClient;
      const QueryError: typeof import('@sluice/query').QueryError;
      function log(...values: unknown[]): void;
    }`,
};

/** Modules that a page imports and that are not installed here. */
export const FOREIGN_MODULES = `
  declare module 'next/navigation' {
    export function usePathname(): string;
    export function useSearchParams(): URLSearchParams;
  }
  declare module '*/cache' { const anything: unknown; export default anything; }`;
