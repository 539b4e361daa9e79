import type { InstanceState } from '../../target/target.js';

/** What a page says in place of what an instance has: addresses and keys. Both ways. */
export interface StandIns {
  /** A block as it runs on the instance. */
  fill(code: string): string;
  /** What the instance said, as the page would show it. */
  empty(output: string): string;
  /** From now on, what the page shows as `shown` is `actual`. */
  remember(shown: string, actual: string): void;
}

export function createStandIns(state: InstanceState, dataDir: string): StandIns {
  const pairs: [shown: string, actual: string][] = [
    ['http://127.0.0.1:8001', state.gatewayUrl],
    ['http://127.0.0.1:8002', state.apiUrl],
    ['http://localhost:8001', state.gatewayUrl],
    ['http://localhost:8002', state.apiUrl],
    ['https://events.example.com', state.gatewayUrl],
    ['127.0.0.1:8001', new URL(state.gatewayUrl).host],
    ['YOUR_WRITE_KEY', state.writeKey],
    ['YOUR_READ_KEY', state.readKey],
    ['YOUR_ADMIN_KEY', state.adminKey],
    ['rk_…', state.readKey],
    ['./data', dataDir],
  ];
  return {
    fill: (code) => pairs.reduce((text, [shown, actual]) => text.replaceAll(shown, actual), code),
    empty: (output) => pairs.reduce((text, [shown, actual]) => text.replaceAll(actual, shown), output),
    remember(shown, actual) {
      if (shown !== actual && shown.length > 2) pairs.unshift([shown, actual]);
    },
  };
}
