import { build } from '../tsup.base.js';

export default build([], {
  entry: {
    anomaly: 'src/anomaly/index.ts',
    forecast: 'src/forecast/index.ts',
    churn: 'src/churn/index.ts',
    random: 'src/random/index.ts',
  },
});
