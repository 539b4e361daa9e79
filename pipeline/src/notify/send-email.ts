import { createTransport } from 'nodemailer';
import { detailsOf, headlineOf, type Message } from './messages.js';
import type { Outcome } from './outcome.js';

/** Sends one message by e-mail. */
export type SendEmail = (options: {
  id: string;
  addresses: readonly string[];
  message: Message;
}) => Promise<Outcome>;

export interface Mailer {
  send: SendEmail;
  close(): void;
}

/**
 * E-mail by a server, as `smtp://` or `smtps://user:password@host:port`. The message id follows from the notification, so
 * that mail programs show a repeated one once.
 * @throws Error, with a text for people, when the address cannot be used.
 */
export function createMailer(options: { smtpUrl: string; from: string; timeoutMs: number }): Mailer {
  const { from, timeoutMs } = options;
  const server = readSmtpUrl(options.smtpUrl);
  const domain = /@([^@>\s]+)>?$/.exec(from)?.[1];
  if (domain === undefined) throw new Error('NOTIFY_EMAIL_FROM is no e-mail address.');
  const transport = createTransport({
    ...server,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  return {
    async send({ id, addresses, message }) {
      if (addresses.length === 0) return { kind: 'refused', error: 'The channel has no address.' };
      try {
        const { rejected } = await transport.sendMail({
          from,
          to: [...addresses],
          subject: `[${message.project}] ${headlineOf(message)}`,
          text: [headlineOf(message), '', ...detailsOf(message), ''].join('\n'),
          messageId: `<${id}@${domain}>`,
          headers: { 'auto-submitted': 'auto-generated' },
        });
        // Sent again, it would come twice to those who have it.
        if (rejected.length > 0) {
          const refused = rejected.join(', ');
          return {
            kind: 'refused',
            error: `The mail server refused ${refused}; the others have the message.`,
          };
        }
        return { kind: 'delivered' };
      } catch (error) {
        return outcomeOfError(error as Error & { responseCode?: number });
      }
    },
    close: () => transport.close(),
  };
}

function readSmtpUrl(text: string): {
  host: string;
  port: number;
  secure: boolean;
  auth?: { user: string; pass: string };
} {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error('SMTP_URL is no address: smtp://host:587 or smtps://user:password@host:465.');
  }
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') {
    throw new Error('SMTP_URL must start with smtp:// or smtps://.');
  }
  const secure = url.protocol === 'smtps:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    ...(url.username === ''
      ? {}
      : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
  };
}

/** RFC 5321, 4.2.1: 4yz may be tried again, 5yz may not. Who we are (530 to 538) is the operator's to put right. */
function outcomeOfError(error: Error & { responseCode?: number }): Outcome {
  const { responseCode: code } = error;
  const isOurs = code !== undefined && code >= 530 && code <= 538;
  const isRefused = code !== undefined && code >= 500 && !isOurs;
  return { kind: isRefused ? 'refused' : 'retry', error: `The mail server: ${error.message}` };
}
