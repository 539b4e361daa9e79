import { build } from '../tsup.base.js';

export default build([], { entry: { index: 'src/index.ts', testing: 'src/testing/index.ts' } });
