import {
  clicks,
  downloads,
  errors,
  forms,
  outboundLinks,
  pageViews,
  rageClicks,
  scroll,
} from '../autocapture/index.js';
import { init, type BrowserSettings } from '../browser/index.js';
import type { CaptureModule } from '../core/types.js';
import { takeOver, type Stub } from './take-over.js';

const MODULES = { clicks, downloads, errors, forms, outboundLinks, pageViews, rageClicks, scroll };

/** `init`'s settings in a page without modules: autocapture by name, with options or true. */
export interface ScriptSettings extends Omit<BrowserSettings, 'capture'> {
  capture?: { [Name in keyof typeof MODULES]?: Parameters<(typeof MODULES)[Name]>[0] | true };
}

function initByName({ capture = {}, ...settings }: ScriptSettings): ReturnType<typeof init> {
  const factories: Record<string, ((options?: object) => CaptureModule) | undefined> = MODULES;
  const modules = Object.entries(capture).map(([name, options]) =>
    factories[name]?.(options === true ? {} : options),
  );
  return init({ ...settings, capture: modules.filter((module) => module !== undefined) });
}

const page = window as unknown as { sluice?: Stub };
takeOver((page.sluice ??= {}), initByName);
