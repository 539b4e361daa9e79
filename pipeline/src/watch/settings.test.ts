import { ConfigError, readConfig } from '@sluice/service-kit';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { watchConfigOf, watchSettings } from './settings.js';

const configOf = (environment: Record<string, string>) =>
  watchConfigOf(readConfig(z.object(watchSettings), environment));

describe('the settings of watching', () => {
  it('watch unless they are turned off', () => {
    expect(configOf({})).toEqual({ notify: { timeoutMs: 10_000, refusePrivate: false } });
    expect(configOf({ WATCH: 'off' })).toBeUndefined();
  });

  it('refuse a mail server without a sender, and addresses that are none', () => {
    expect(() => configOf({ SMTP_URL: 'smtp://mail' })).toThrow(ConfigError);
    expect(() => configOf({ SMTP_URL: 'http://mail' })).toThrow(/SMTP_URL/);
    expect(() => configOf({ NOTIFY_EMAIL_FROM: 'nobody' })).toThrow(/NOTIFY_EMAIL_FROM/);
    expect(configOf({ SMTP_URL: 'smtp://mail', NOTIFY_EMAIL_FROM: 'Sluice <a@b.example>' })).toMatchObject({
      notify: { email: { smtpUrl: 'smtp://mail', from: 'Sluice <a@b.example>' } },
    });
  });
});
