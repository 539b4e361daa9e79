import { BUILT_IN_EVENTS } from '@sluice/contracts';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Message, Properties } from '../core/types.js';
import { checkPlan, findViolations, type PlanViolation } from './check-plan.js';
import type { StandardSchema } from './standard-schema.js';

const plan = {
  'Signed Up': z.strictObject({ plan: z.enum(['free', 'pro']), seats: z.number().optional() }),
  Searched: z.object({ query: z.string().min(2), nested: z.object({ 'a/b': z.number() }).optional() }),
};

function track(event: string, properties?: Properties): Message {
  return {
    type: 'track',
    messageId: 'm1',
    timestamp: '2026-01-01T00:00:00.000Z',
    event,
    ...(properties === undefined ? {} : { properties }),
    context: { library: { name: 'test', version: '0' } },
  };
}

describe('checkPlan', () => {
  it('lets what follows the plan pass, the same object, and says nothing', () => {
    const report = vi.fn();
    const message = track('Signed Up', { plan: 'pro', seats: 3 });
    expect(checkPlan(plan, { mode: 'block', report })(message)).toBe(message);
    expect(report).not.toHaveBeenCalled();
  });

  it.each([
    ['a missing property', track('Signed Up'), '/properties/plan'],
    ['a wrong value', track('Signed Up', { plan: 'gold' }), '/properties/plan'],
    ['an unknown property', track('Signed Up', { plan: 'pro', colour: 1 }), '/properties'],
    [
      'a wrong value further down',
      track('Searched', { query: 'ab', nested: { 'a/b': 'x' } }),
      '/properties/nested/a~1b',
    ],
    ['a name that is not in the plan', track('Signed up', { plan: 'pro' }), '/event'],
    ['a name that objects have by nature', track('toString', {}), '/event'],
  ])('tells of %s, with its place', (_, message, field) => {
    const report = vi.fn<(violations: readonly PlanViolation[]) => void>();
    expect(checkPlan(plan, { report })(message)).toBe(message);
    expect(report.mock.calls[0]![0]).toMatchObject([{ event: message.event, messageId: 'm1', field }]);
    expect(checkPlan(plan, { report, mode: 'block' })(message)).toBeNull();
  });

  it('warns on the console when nobody else is told', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    checkPlan(plan)(track('Signed Up', { plan: 'gold' }));
    expect(warn.mock.calls.flat().join()).toMatch(
      /"Signed Up" does not follow the plan at \/properties\/plan/,
    );
    warn.mockRestore();
  });

  it('leaves alone what is no track message, and the names it is told to leave alone', () => {
    expect(findViolations(plan, { ...track('x'), type: 'page' })).toEqual([]);
    expect(findViolations(plan, track('Link Clicked'), (event) => event.startsWith('Link'))).toEqual([]);
  });

  it('checks what the own hook returns, and drops what the own hook drops', () => {
    const report = vi.fn();
    const redact = (message: Message): Message | null =>
      message.event === 'Secret' ? null : { ...message, properties: { plan: 'free' } };
    const check = checkPlan(plan, { mode: 'block', report, redact });
    expect(check(track('Signed Up', { plan: 'gold' }))?.properties).toEqual({ plan: 'free' });
    expect(check(track('Secret'))).toBeNull();
    expect(report).not.toHaveBeenCalled();
  });

  it('takes any Standard Schema, and none of their failures ends the application', async () => {
    const schema = (validate: StandardSchema['~standard']['validate']): StandardSchema => ({
      '~standard': { version: 1, vendor: 'test', validate },
    });
    const own = {
      Later: schema(() => Promise.reject(new Error('no'))),
      Throws: schema(() => {
        throw new Error('broken');
      }),
      Keyed: schema(() => ({ issues: [{ message: 'no', path: [{ key: 'items' }, { key: 0 }] }] })),
    };
    expect(findViolations(own, track('Later'))).toEqual([]);
    expect(findViolations(own, track('Throws'))[0]!.message).toContain('broken');
    expect(findViolations(own, track('Keyed'))[0]!.field).toBe('/properties/items/0');
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('takes the built-in events as a plan', () => {
    expect(findViolations(BUILT_IN_EVENTS, track('Login', { method: 'password' }))).toEqual([]);
    expect(findViolations(BUILT_IN_EVENTS, track('Login', {}))).toMatchObject([
      { field: '/properties/method' },
    ]);
  });

  it('never throws, whatever the properties', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(BUILT_IN_EVENTS)),
        fc.object({ withBigInt: true }),
        (event, properties) => {
          expect(Array.isArray(findViolations(BUILT_IN_EVENTS, track(event, properties)))).toBe(true);
        },
      ),
    );
  });
});
