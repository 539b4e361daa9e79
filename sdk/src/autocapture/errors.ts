import type { CaptureModule } from '../core/types.js';
import { listen } from './listen.js';

export interface ErrorsOptions {
  /** Different errors of one page load that are sent at most; the same error is sent once. Default 10. */
  maxPerLoad?: number;
}

export interface CaughtError {
  kind: 'error' | 'rejection';
  name: string;
  message: string;
  /** Where it was thrown: address of the script, line and column, as far as the browser tells. */
  source?: string | undefined;
  line?: number | undefined;
  column?: number | undefined;
  stack?: string | undefined;
}

/**
 * Sends `Error Occurred` with `kind`, `name`, `message`, `source`, `line`, `column` and `stack` for errors that nobody
 * caught and promises whose rejection nobody handled. What looks like a secret in the texts is redacted.
 */
export function errors({ maxPerLoad = 10 }: ErrorsOptions = {}): CaptureModule {
  return (host) => {
    const known = new Set<string>();
    return listen(['error', 'unhandledrejection'], (event) => {
      const caught = describeError(event as ErrorEvent | PromiseRejectionEvent);
      if (caught === undefined || known.size >= maxPerLoad) return;
      const { kind, name, message, source, line, column, stack } = caught;
      const identity = [name, message, source, line, column].join('\n');
      if (known.has(identity)) return;
      known.add(identity);
      const redact = (text: string | undefined): string | undefined =>
        text && redactText(text, (url) => host.redactUrl(url));
      host.analytics.track('Error Occurred', {
        kind,
        name,
        message: redact(message),
        source: redact(source),
        line,
        column,
        stack: redact(stack),
      });
    });
  };
}

const MAX_MESSAGE_LENGTH = 512;
const MAX_STACK_LENGTH = 2_048;

/** What an event of the window tells of an error; undefined for images and scripts that did not load, and for noise. */
export function describeError(
  event: Pick<ErrorEvent, 'message' | 'filename' | 'lineno' | 'colno' | 'error'> | { reason: unknown },
): CaughtError | undefined {
  const isRejection = 'reason' in event;
  if (!isRejection && typeof event.message !== 'string') return undefined;
  const thrown: unknown = isRejection ? event.reason : event.error;
  const { name, message, stack } = (thrown instanceof Error ? thrown : {}) as Partial<Error>;
  const text = message ?? (isRejection ? textOf(thrown) : event.message);
  // The browser's own remark on a late layout, not an error of the page.
  if (text.startsWith('ResizeObserver loop')) return undefined;
  return {
    kind: isRejection ? 'rejection' : 'error',
    name: name ?? 'Error',
    message: text.slice(0, MAX_MESSAGE_LENGTH),
    ...(!isRejection && {
      source: event.filename || undefined,
      line: event.lineno || undefined,
      column: event.colno || undefined,
    }),
    stack: stack?.slice(0, MAX_STACK_LENGTH),
  };
}

/** Objects may hold anything, so no more than what they are is told of them. */
function textOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}

/** A text with every address, and every other word that looks like a secret, redacted. */
export function redactText(text: string, redactUrl: (url: string) => string): string {
  return text.replace(/\S+/g, redactUrl);
}
