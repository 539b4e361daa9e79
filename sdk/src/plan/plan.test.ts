import type { BUILT_IN_EVENTS, BuiltInProperties } from '@sluice/contracts';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type { Analytics } from '../core/types.js';
import type { EventsOf, PlannedAnalytics } from './plan.js';
import type { StandardSchema } from './standard-schema.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../../..');

/** The lines of a program, compiled as an application of ours compiles, with the number of faults on each. */
function compile(lines: readonly string[]): number[] {
  const file = join(HERE, 'application.ts');
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const settings = { ...options, noUnusedLocals: false };
  const host = ts.createCompilerHost(settings);
  const readFromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (path, target, ...rest) =>
    path === file ? ts.createSourceFile(path, lines.join('\n'), target) : readFromDisk(path, target, ...rest);
  const onDisk = host.fileExists.bind(host);
  host.fileExists = (path) => path === file || onDisk(path);
  const program = ts.createProgram([file], settings, host);
  const faults = lines.map(() => 0);
  for (const { file: at, start = 0 } of program.getSemanticDiagnostics(program.getSourceFile(file))) {
    faults[at!.getLineAndCharacterOfPosition(start).line]!++;
  }
  return faults;
}

describe('the types of a plan', () => {
  const accepted = {
    'all properties': `analytics.track('Signed Up', { plan: 'pro', seats: 3 });`,
    'only those that are required': `analytics.track('Signed Up', { plan: 'free' });`,
    'no properties where all are optional': `analytics.track('Opened');`,
    'what a schema takes, where it gives something else': `analytics.track('Paid', { amount: '12.5' });`,
    'options beside the properties': `analytics.track('Opened', {}, { userId: 'u1' });`,
    'a schema that is not of zod': `analytics.track('Own', { a: 1 });`,
    'any event without a plan': `free.track('Whatever', { b: 2 });`,
    'the built-in events': `builtIn.track('Login', { method: 'sso' });`,
  };
  const refused = {
    'a name that is not in the plan': `analytics.track('Signed up', { plan: 'pro' });`,
    'no properties where one is required': `analytics.track('Signed Up');`,
    'a missing property': `analytics.track('Signed Up', { seats: 3 });`,
    'a wrong value': `analytics.track('Signed Up', { plan: 'gold' });`,
    'a wrong type': `analytics.track('Signed Up', { plan: 'pro', seats: '3' });`,
    'a property that is not in the plan': `analytics.track('Signed Up', { plan: 'pro', colour: 1 });`,
    'what a schema gives, where it takes something else': `analytics.track('Paid', { amount: 12.5 });`,
    'a wrong value for a schema that is not of zod': `analytics.track('Own', { a: 'x' });`,
    'a built-in event with a wrong property': `builtIn.track('Login', { mehtod: 'sso' });`,
  };
  const prelude = [
    `import { z } from 'zod';`,
    `import type { BUILT_IN_EVENTS } from '@sluice/contracts';`,
    `import type { Analytics } from '../core/types.js';`,
    `import type { PlannedAnalytics } from './plan.js';`,
    `import type { StandardSchema } from './standard-schema.js';`,
    `interface OwnProperties { a: number }`,
    `declare const own: StandardSchema<OwnProperties>;`,
    `const plan = { 'Signed Up': z.object({ plan: z.enum(['free', 'pro']), seats: z.number().optional() }), Opened: z.object({ from: z.string().optional() }), Paid: z.object({ amount: z.string().transform(Number) }), Own: own };`,
    `declare const analytics: PlannedAnalytics<typeof plan>;`,
    `declare const builtIn: PlannedAnalytics<typeof BUILT_IN_EVENTS>;`,
    `declare const free: Analytics;`,
  ];
  let faults: number[];

  beforeAll(() => {
    faults = compile([...prelude, ...Object.values(accepted), ...Object.values(refused)]);
  }, 60_000);

  it('compile by themselves', () => {
    expect(faults.slice(0, prelude.length)).toEqual(prelude.map(() => 0));
  });

  it.each(Object.keys(accepted))('take %s', (name) => {
    expect(faults[prelude.length + Object.keys(accepted).indexOf(name)]).toBe(0);
  });

  it.each(Object.keys(refused))('refuse %s', (name) => {
    const at = prelude.length + Object.keys(accepted).length + Object.keys(refused).indexOf(name);
    expect(faults[at]).toBeGreaterThan(0);
  });

  it('are those of the schemas', () => {
    expectTypeOf<EventsOf<typeof BUILT_IN_EVENTS>>().toEqualTypeOf<BuiltInProperties>();
    expectTypeOf<EventsOf<{ A: z.ZodObject<{ n: z.ZodNumber }> }>>().toEqualTypeOf<{ A: { n: number } }>();
    expectTypeOf<EventsOf<{ A: StandardSchema<{ n: number }> }>>().toEqualTypeOf<{ A: { n: number } }>();
    expectTypeOf<PlannedAnalytics<never>>().toEqualTypeOf<Analytics>();
  });
});
