import { build } from '../tsup.base.js';

export default build([], {
  // The SDKs, the browser driver and the bundler are loaded as they were installed.
  skipNodeModulesBundle: true,
  entry: {
    index: 'src/index.ts',
    generate: 'src/commands/generate.ts',
    steady: 'src/commands/steady.ts',
    'verify-delivery': 'src/commands/verify-delivery.ts',
    'verify-clients': 'src/commands/verify-clients.ts',
    'verify-faults': 'src/commands/verify-faults.ts',
    'verify-sdk-faults': 'src/commands/verify-sdk-faults.ts',
    'verify-queries': 'src/commands/verify-queries.ts',
    'verify-erase': 'src/commands/verify-erase.ts',
    'verify-isolation': 'src/commands/verify-isolation.ts',
    'verify-anomalies': 'src/commands/verify-anomalies.ts',
    'verify-docs': 'src/commands/verify-docs.ts',
    'docs-reference': 'src/commands/docs-reference.ts',
    'verify-services': 'src/commands/verify-services.ts',
    'clickhouse-bridge': 'src/services/clickhouse-bridge/bridge-process.ts',
    'verify-monitoring': 'src/commands/verify-monitoring.ts',
    bench: 'src/commands/bench.ts',
  },
});
