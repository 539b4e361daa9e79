import type { BrowserSettings } from '@sluice/sdk';
import { clicks, errors } from '@sluice/sdk/autocapture';

/** What this application sends: other names and other properties do not compile. */
export interface Events {
  'Note Added': { length: number };
  'Note Removed': { position: number };
  [name: string]: Record<string, unknown>;
}

export const settings: BrowserSettings = {
  writeKey: import.meta.env['VITE_SLUICE_WRITE_KEY'] as string,
  host: (import.meta.env['VITE_SLUICE_HOST'] as string | undefined) ?? 'http://127.0.0.1:8001',
  capture: [clicks(), errors()],
};
