import type { CaptureModule } from '../core/types.js';
import { elementsOf } from './link-of-click.js';
import { listen } from './listen.js';

/**
 * Sends `Form Submitted` with the form's `id`, `name`, `action`, `method` and in how many differently named fields it has,
 * `fieldCount`, each time a form is submitted. What is in the fields is never read.
 */
export function forms(): CaptureModule {
  return (host) =>
    listen(['submit'], (event) => {
      const form = elementsOf(event)[0];
      if (!(form instanceof HTMLFormElement)) return;
      // Fields named `id`, `action` or `elements` hide the form's own members, but not its attributes and its prototype's.
      const attribute = (name: string): string | undefined => form.getAttribute(name) || undefined;
      const own = <K extends 'elements' | 'action' | 'method'>(name: K) =>
        Reflect.get(HTMLFormElement.prototype, name, form) as HTMLFormElement[K];
      const names = Array.from(own('elements'), (field) => field.getAttribute('name')).filter(Boolean);
      host.analytics.track('Form Submitted', {
        id: attribute('id'),
        name: attribute('name'),
        action: host.redactUrl(own('action')),
        method: own('method'),
        fieldCount: new Set(names).size,
      });
    });
}
