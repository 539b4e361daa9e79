import type { CaptureModule } from '../core/types.js';
import { elementName } from './element-name.js';
import { elementText } from './element-text.js';
import { elementsOf } from './link-of-click.js';
import { listen } from './listen.js';

export interface RageClicksOptions {
  /** How many clicks it takes. Default 3. */
  clicks?: number;
  /** Longest time from the first to the last of them, milliseconds. Default 1,000. */
  withinMs?: number;
  /** Farthest that each may be from the one before, CSS pixels. Default 30. */
  withinPx?: number;
}

export interface ClickAt {
  x: number;
  y: number;
  atMs: number;
}

/**
 * Sends `Rage Clicked` with `target`, `text`, `clicks`, `x` and `y` when somebody clicks on one spot again and again: once,
 * at the click that makes it so, however many follow without a pause. Marking text by clicking three times is none, nor
 * are clicks where people write.
 */
export function rageClicks({
  clicks = 3,
  withinMs = 1_000,
  withinPx = 30,
}: RageClicksOptions = {}): CaptureModule {
  return ({ analytics }) => {
    const isRage = createRageDetector({ clicks, withinMs, withinPx });
    return listen(['click'], (event) => {
      const { pageX: x, pageY: y, detail } = event as MouseEvent;
      const [element] = elementsOf(event);
      // Without a pointer there is no spot: Enter held down clicks many times.
      if (detail === 0 || element === undefined) return;
      if (element.closest('input:not([type=button],[type=submit]),textarea,select,[contenteditable]')) return;
      if (!isRage({ x, y, atMs: event.timeStamp }) || getSelection()?.isCollapsed === false) return;
      analytics.track('Rage Clicked', {
        target: elementName(element),
        text: elementText(element),
        clicks,
        x: Math.round(x),
        y: Math.round(y),
      });
    });
  };
}

/** Tells of each click whether it is the one that makes a row of them a rage; of those that follow it none is. */
export function createRageDetector({
  clicks,
  withinMs,
  withinPx,
}: Required<RageClicksOptions>): (click: ClickAt) => boolean {
  let row: ClickAt[] = [];
  let told = false;
  return (click) => {
    const before = row.at(-1);
    const goesOn =
      before !== undefined &&
      click.atMs - before.atMs <= withinMs &&
      Math.hypot(click.x - before.x, click.y - before.y) <= withinPx;
    if (!goesOn) {
      row = [];
      told = false;
    }
    row = [...row, click].slice(-clicks);
    if (told || row.length < clicks || click.atMs - row[0]!.atMs > withinMs) return false;
    told = true;
    return true;
  };
}
