// `npm run clean`: removes what builds and tests made. The data of `npm start` and the dependencies stay.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './set-up.mjs';

const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const made = [
  ...workspaces.flatMap((folder) =>
    ['dist', '.turbo', 'tsconfig.tsbuildinfo'].map((name) => join(folder, name)),
  ),
  ...['body-scan/wasm', '.turbo', '.cache/built', '.cache/packages', 'coverage'],
];
for (const path of made) rmSync(join(root, path), { recursive: true, force: true });
