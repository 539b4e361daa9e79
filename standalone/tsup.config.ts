import { build } from '../tsup.base.js';

export default build(['src/index.ts', 'src/sluice.ts', 'src/gateway.ts', 'src/worker.ts']);
