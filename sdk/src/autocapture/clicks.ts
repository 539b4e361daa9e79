import type { CaptureModule, Properties } from '../core/types.js';
import { elementName } from './element-name.js';
import { elementText } from './element-text.js';
import { listen } from './listen.js';
import { elementsOf, linkOfClick } from './link-of-click.js';

/**
 * Sends an event for each click on an element with `data-sluice-event`, named by the attribute. `Click` has exactly the
 * properties of the built-in event: `target` (`data-sluice-target`, else a short selector), `text` (`data-sluice-text`,
 * else what the element says), `url` where the click leads, and where it was on the page, `x` and `y`. Any other event
 * has the element's other `data-sluice-…` attributes as properties. Of nested elements the innermost counts.
 */
export function clicks(): CaptureModule {
  return (host) => {
    let last: Element | undefined;
    return listen(['click'], (event) => {
      const element = elementsOf(event).find((candidate) => candidate.hasAttribute('data-sluice-event'));
      // A click on a label comes twice in one task: the browser repeats it on the labelled field.
      if (element === undefined || element === last) return;
      last = element;
      setTimeout(() => (last = undefined));
      const { event: name = '', ...data } = attributesOf(element);
      if (name !== 'Click') {
        host.analytics.track(name, data);
        return;
      }
      const link = linkOfClick(event);
      const { pageX, pageY, detail } = event as MouseEvent;
      const properties: Properties = {
        target: data['target'] || elementName(element),
        text: data['text'] ?? elementText(element),
        url: link && host.redactUrl(link.href).slice(0, 2_048),
        // A click by keyboard has no place.
        ...(detail > 0 && { x: Math.round(pageX), y: Math.round(pageY) }),
      };
      host.analytics.track(name, properties);
    });
  };
}

/** `data-sluice-plan-name="pro"` is `{ planName: 'pro' }`. */
export function attributesOf(element: {
  attributes: Iterable<{ name: string; value: string }>;
}): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, value } of element.attributes) {
    const [, kebab] = /^data-sluice-(.+)/.exec(name) ?? [];
    if (kebab) found[kebab.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())] = value;
  }
  return found;
}
