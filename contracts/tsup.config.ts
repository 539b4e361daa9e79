import { build } from '../tsup.base.js';

export default build([], {
  entry: { index: 'src/index.ts', retryable: 'src/retryable/index.ts', sessions: 'src/sessions/index.ts' },
});
