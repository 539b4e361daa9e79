import type { Message } from '../core/types.js';
import type { Plan } from './plan.js';
import type { SchemaIssue, SchemaResult } from './standard-schema.js';

/** Where a message leaves the plan. */
export interface PlanViolation {
  event: string;
  messageId: string;
  /** JSON pointer (RFC 6901) into the message: `/properties/amount`, or `/event` for a name that is not in the plan. */
  field: string;
  message: string;
}

/** A message that does not follow the plan is told of (`warn`), or told of and dropped (`block`). */
export type PlanMode = 'warn' | 'block';

export interface PlanCheckOptions {
  /** Default `warn`. */
  mode?: PlanMode;
  /** Default: one line on the console for each violation. */
  report?: (violations: readonly PlanViolation[]) => void;
  /** Names outside the plan that are all right, such as those of autocapture. Default: none. */
  ignore?: (event: string) => boolean;
  /** Runs first; what it returns is checked. */
  redact?: (message: Message) => Message | null;
}

/**
 * Checks track messages against a plan while the application runs: for `redact` of the SDK's settings. Properties are
 * checked as the caller gave them and go out unchanged. Schemas that answer only later (asynchronous refinements) check
 * nothing. For browsers meant for development; a production bundle that does not import this module pays nothing for it.
 *
 *     init({ writeKey, host, redact: checkPlan(plan, { mode: 'warn' }) });
 */
export function checkPlan(plan: Plan, options: PlanCheckOptions = {}): (message: Message) => Message | null {
  const { mode = 'warn', report = warnOnConsole } = options;
  return (message) => {
    const redacted = options.redact === undefined ? message : options.redact(message);
    if (redacted === null) return null;
    const violations = findViolations(plan, redacted, options.ignore);
    if (violations.length === 0) return redacted;
    report(violations);
    return mode === 'block' ? null : redacted;
  };
}

/** Where a message leaves the plan; empty for all but track messages. */
export function findViolations(
  plan: Plan,
  message: Message,
  ignore: (event: string) => boolean = () => false,
): PlanViolation[] {
  const { type, event = '', messageId, properties = {} } = message;
  if (type !== 'track') return [];
  const schema = Object.hasOwn(plan, event) ? plan[event] : undefined;
  if (schema === undefined) {
    if (ignore(event)) return [];
    return [{ event, messageId, field: '/event', message: 'This event is not in the plan.' }];
  }
  return issuesOf(() => schema['~standard'].validate(properties)).map((issue) => ({
    event,
    messageId,
    field: pointerOf(issue.path ?? []),
    message: issue.message,
  }));
}

function issuesOf(
  validate: () => SchemaResult<unknown> | Promise<SchemaResult<unknown>>,
): readonly SchemaIssue[] {
  try {
    const result = validate();
    if (!('then' in result)) return result.issues ?? [];
    result.catch(() => undefined);
    return [];
  } catch (error) {
    return [{ message: `The properties could not be checked: ${String(error)}` }];
  }
}

function pointerOf(path: NonNullable<SchemaIssue['path']>): string {
  const keys = path.map((step) => (typeof step === 'object' ? step.key : step));
  return ['/properties', ...keys.map((key) => String(key).replaceAll('~', '~0').replaceAll('/', '~1'))].join(
    '/',
  );
}

function warnOnConsole(violations: readonly PlanViolation[]): void {
  for (const { event, field, message } of violations) {
    // Its purpose is to be seen by whoever develops.
    // eslint-disable-next-line no-console
    console.warn(`[sluice] ${JSON.stringify(event)} does not follow the plan at ${field}: ${message}`);
  }
}
