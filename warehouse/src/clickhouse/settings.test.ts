import { describe, expect, it } from 'vitest';
import { INSERT_SETTINGS, insertSettingsFor } from './settings.js';

describe('insertSettingsFor', () => {
  it('leaves out what a server may lack', () => {
    const known = new Set(Object.keys(INSERT_SETTINGS));
    expect(insertSettingsFor(known, '26.7')).toEqual(INSERT_SETTINGS);
    known.delete('deduplicate_insert');
    expect(insertSettingsFor(known, '25.8')).not.toHaveProperty('deduplicate_insert');
  });

  it('refuses a server that cannot keep exactly-once, and names what it lacks', () => {
    expect(() => insertSettingsFor(new Set(['async_insert']), '22.1')).toThrow(
      /22\.1 is too old.*deduplicate_blocks_in_dependent_materialized_views/s,
    );
  });
});
