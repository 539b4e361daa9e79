import { init, type NodeSettings } from '../src/node/index.js';

/**
 * An application in a process of its own: it starts the SDK, tracks so many events in one task, says so, and goes on as it
 * is told. Argument: a plan as JSON.
 */
export interface ApplicationPlan {
  settings: NodeSettings;
  events: number;
  then:
    | 'nothing'
    /** Ends in the next turn of the event loop. */
    | 'exit'
    | 'flush-and-exit-3'
    /** Works on until it is told to end. */
    | 'serve'
    /** As `serve`, and with a listener of its own that takes its time and then exits with 7. */
    | 'serve-and-listen'
    /** Several instances; works on. */
    | 'serve-twice';
}

const plan = JSON.parse(process.argv[2] ?? '') as ApplicationPlan;
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
process.on('unhandledRejection', (error) => {
  say({ unhandled: String(error) });
});

const analytics = init(plan.settings);
const second = plan.then === 'serve-twice' ? init(plan.settings) : undefined;
const tracked = Array.from({ length: plan.events }, (_, n) =>
  analytics.track('Tested', { n }, { userId: 'u1' }),
);
second?.track('Tested', { n: 'second' }, { userId: 'u1' });
say({ tracked, outbox: analytics.outbox });

switch (plan.then) {
  case 'nothing':
    break;
  case 'exit':
    setImmediate(() => process.exit(5));
    break;
  case 'flush-and-exit-3':
    process.exitCode = 3;
    say({ flushed: await analytics.flush({ timeoutMs: 3_000 }) });
    break;
  case 'serve':
  case 'serve-twice':
  case 'serve-and-listen':
    if (plan.then === 'serve-and-listen') {
      process.on('SIGTERM', () => setTimeout(() => process.exit(7), 1_000));
    }
    setInterval(() => undefined, 1_000);
    break;
}
