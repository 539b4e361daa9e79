import { booleanSetting, ConfigError, integerSetting } from '@sluice/service-kit';
import { z } from 'zod';

/** What can be set of watching and notifying from outside, wherever the pipeline runs. */
export const watchSettings = {
  WATCH: booleanSetting(true).describe('Whether series are watched and notifications sent.'),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
    .optional()
    .describe(
      'Mail server, smtp://host:587 or smtps://user:password@host:465; without it no e-mail is sent.',
    ),
  NOTIFY_EMAIL_FROM: z
    .string()
    .regex(/^[^<>\s]+@[^<>\s]+$|^[^<>]*<[^<>\s]+@[^<>\s]+>$/, 'must be an e-mail address')
    .optional()
    .describe('Sender of e-mail; required with SMTP_URL.'),
  NOTIFY_TIMEOUT_MS: integerSetting(10_000, { min: 100 }).describe(
    'Time for one attempt to deliver a notification, milliseconds.',
  ),
  NOTIFY_REFUSE_PRIVATE: booleanSetting(false).describe(
    'Refuse webhooks to addresses of private networks and of this machine: for an instance whose users must not reach its network.',
  ),
};

export interface WatchConfig {
  notify: {
    timeoutMs: number;
    refusePrivate: boolean;
    email?: { smtpUrl: string; from: string } | undefined;
  };
}

type WatchSettings = z.output<z.ZodObject<typeof watchSettings>>;

/**
 * The settings as the pipeline takes them; undefined: nothing is watched.
 * @throws ConfigError when there is a mail server without a sender.
 */
export function watchConfigOf(settings: WatchSettings): WatchConfig | undefined {
  if (settings.SMTP_URL !== undefined && settings.NOTIFY_EMAIL_FROM === undefined) {
    throw new ConfigError(['NOTIFY_EMAIL_FROM is required with SMTP_URL (Sender of e-mail)']);
  }
  if (!settings.WATCH) return undefined;
  return {
    notify: {
      timeoutMs: settings.NOTIFY_TIMEOUT_MS,
      refusePrivate: settings.NOTIFY_REFUSE_PRIVATE,
      ...(settings.SMTP_URL === undefined
        ? {}
        : { email: { smtpUrl: settings.SMTP_URL, from: settings.NOTIFY_EMAIL_FROM! } }),
    },
  };
}
