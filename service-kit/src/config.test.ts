import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { booleanSetting, ConfigError, integerSetting, readConfig } from './config.js';

const schema = z.object({
  PORT: integerSetting(8001, { min: 1, max: 65_535 }),
  SECRET: z.string().min(8).describe('Signs things.'),
  NEEDED: z.string().describe('Has no default.'),
  QUIET: booleanSetting(false),
});

describe('readConfig', () => {
  it('fills in defaults and converts text to numbers and booleans', () => {
    expect(readConfig(schema, { PORT: '80', SECRET: 'long enough', NEEDED: 'x', QUIET: 'yes' })).toEqual({
      PORT: 80,
      SECRET: 'long enough',
      NEEDED: 'x',
      QUIET: true,
    });
  });

  it('names every fault at once and never shows a value', () => {
    const error = captured(() => readConfig(schema, { PORT: 'abc', SECRET: 'hunter2' }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).faults).toHaveLength(3);
    expect((error as ConfigError).message).toContain('NEEDED is required (Has no default.)');
    expect((error as ConfigError).message).not.toContain('hunter2');
  });

  it('reads a secret from the file that NAME_FILE names', () => {
    const config = readConfig(schema, { SECRET_FILE: '/run/secret', NEEDED: 'x' }, () => 'from the file\n');
    expect(config.SECRET).toBe('from the file');
  });

  it('says so when the file of a secret cannot be read', () => {
    const error = captured(() =>
      readConfig(schema, { SECRET_FILE: '/nowhere', NEEDED: 'x' }, () => {
        throw new Error('ENOENT');
      }),
    );
    expect((error as Error).message).toContain('SECRET_FILE: the file cannot be read');
  });

  it('treats an empty variable as not set', () => {
    expect(readConfig(schema, { PORT: '', SECRET: 'long enough', NEEDED: 'x' }).PORT).toBe(8001);
  });
});

function captured(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
