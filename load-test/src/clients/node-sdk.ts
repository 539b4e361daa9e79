import { Analytics } from '@segment/analytics-node';
import { inspect } from 'node:util';

export interface NodeSdkOptions {
  host: string;
  writeKey: string;
  /** Messages of one request: 1 sends each by itself. */
  flushAt: number;
  /** Rounds of all kinds of calls. */
  rounds: number;
  /** Tells the runs apart. */
  label: string;
}

/** Longest time the SDK may take to deliver what it holds, retries included. */
const FLUSH_TIMEOUT_MS = 60_000;

/** Uses the official Node SDK as an application does. Resolves with how many messages the application made. */
export async function runNodeSdk(options: NodeSdkOptions): Promise<number> {
  const { label } = options;
  const analytics = new Analytics({
    writeKey: options.writeKey,
    host: options.host,
    flushAt: options.flushAt,
    flushInterval: 500,
    maxRetries: 10,
  });
  const failures: string[] = [];
  analytics.on('error', (error) => failures.push(`${error.code} ${inspect(error.reason)}`));
  let calls = 0;
  for (let round = 0; round < options.rounds; round++) {
    const userId = `${label}-user-${round % 5}`;
    const anonymousId = `${label}-anonymous-${round % 5}`;
    analytics.track({ anonymousId, event: 'login', properties: { method: 'password' } });
    analytics.identify({ userId, anonymousId, traits: { name: 'Ada Lovelace', plan: 'pro', seats: 3 } });
    analytics.page({
      userId,
      category: 'docs',
      name: 'Start',
      properties: { path: '/start', title: 'Start' },
    });
    analytics.screen({ userId, name: 'Home', properties: { tab: 1 } });
    analytics.group({ userId, groupId: `${label}-group`, traits: { name: 'Analytical Engines' } });
    analytics.alias({ userId, previousId: `${label}-earlier-${round % 5}` });
    analytics.track({
      userId,
      event: 'Order Completed',
      properties: { revenue: 12.5, currency: 'EUR', note: 'ünïcödé ✓ 🎉' },
      timestamp: new Date(Date.now() - round * 60_000),
      context: {
        ip: '203.0.113.7',
        userAgent: 'verify/1',
        campaign: { name: 'spring', source: 'mail', medium: 'email' },
      },
    });
    calls += 7;
  }
  await analytics.closeAndFlush({ timeout: FLUSH_TIMEOUT_MS });
  if (failures.length > 0) throw new Error(`analytics-node (${label}) gave up: ${failures.join('; ')}`);
  return calls;
}
