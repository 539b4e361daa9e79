import { describe, expect, it } from 'vitest';
import { attributesOf } from './clicks.js';

describe('attributesOf', () => {
  const of = (attributes: Record<string, string>): Record<string, string> =>
    attributesOf({ attributes: Object.entries(attributes).map(([name, value]) => ({ name, value })) });

  it("takes what starts with data-sluice-, with names in the script's spelling", () => {
    expect(of({ 'data-sluice-event': 'Plan Chosen', 'data-sluice-plan-name': 'pro' })).toEqual({
      event: 'Plan Chosen',
      planName: 'pro',
    });
  });

  it('leaves all other attributes alone', () => {
    expect(of({ id: 'x', 'data-event': 'y', 'data-sluice': 'z', 'data-sluice-': 'empty' })).toEqual({});
  });
});
