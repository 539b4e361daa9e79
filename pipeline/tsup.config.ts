import { build } from '../tsup.base.js';

export default build(['src/index.ts', 'src/main.ts', 'src/score/thinking-thread.ts']);
