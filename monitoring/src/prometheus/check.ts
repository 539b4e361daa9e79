import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ALERTMANAGER_CONFIG, PROMETHEUS_CONFIG, RULE_TESTS_DIR, RULES_DIR } from '../paths.js';
import type { PrometheusPrograms } from './provision-prometheus.js';

const run = promisify(execFile);

/** What Prometheus' own tools say of what is shipped. @throws Error with what a tool objects to. */
export const CHECKS: Record<string, (programs: PrometheusPrograms) => Promise<string>> = {
  'promtool check config': ({ promtool }) => toolOutput(promtool, ['check', 'config', PROMETHEUS_CONFIG]),
  'promtool check rules': async ({ promtool }) =>
    toolOutput(promtool, ['check', 'rules', '--lint=all', '--lint-fatal', ...(await yamlFiles(RULES_DIR))]),
  'promtool test rules': async ({ promtool }) =>
    toolOutput(promtool, ['test', 'rules', ...(await yamlFiles(RULE_TESTS_DIR))]),
  'amtool check-config': ({ amtool }) => toolOutput(amtool, ['check-config', ALERTMANAGER_CONFIG]),
};

async function yamlFiles(dir: string): Promise<string[]> {
  return (await readdir(dir))
    .filter((name) => name.endsWith('.yml'))
    .sort()
    .map((name) => join(dir, name));
}

async function toolOutput(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run(program, [...args], { maxBuffer: 16 * 1024 * 1024 });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${args.slice(0, 2).join(' ')}:\n${stdout}${stderr}`, { cause: error });
  }
}
