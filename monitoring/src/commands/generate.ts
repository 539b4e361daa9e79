import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDashboards } from '../dashboards/build-dashboards.js';
import { DASHBOARDS_DIR } from '../paths.js';
import { readRules } from '../rules.js';

/** Writes the dashboards' files anew from their code. */
const files = buildDashboards(readRules().alerts);
for (const name of readdirSync(DASHBOARDS_DIR)) {
  if (!files.has(name)) rmSync(join(DASHBOARDS_DIR, name));
}
for (const [name, text] of files) writeFileSync(join(DASHBOARDS_DIR, name), text);
process.stderr.write(`Wrote ${[...files.keys()].join(', ')}.\n`);
