import { detailsOf, headlineOf, type Message } from './messages.js';

const MARKS = { info: ':large_blue_circle:', warning: ':large_yellow_circle:', critical: ':red_circle:' };
/** Slack's own limit for the text of a section. */
const MAX_TEXT = 3_000;

/** A message for an incoming webhook of Slack, and of what understands the same form. */
export function slackMessageOf(message: Message): Record<string, unknown> {
  const headline = escapeText(`${message.project}: ${headlineOf(message)}`);
  const mark =
    message.type === 'anomaly.opened'
      ? MARKS[message.data.severity]
      : message.type === 'anomaly.resolved'
        ? ':white_check_mark:'
        : ':bar_chart:';
  const details = escapeText(detailsOf(message).join('\n')).slice(0, MAX_TEXT);
  const section = (text: string): object => ({ type: 'section', text: { type: 'mrkdwn', text } });
  return {
    text: headline,
    blocks: [
      section(`${mark} *${headline}*`.slice(0, MAX_TEXT)),
      ...(details === '' ? [] : [section(details)]),
    ],
  };
}

/** Slack reads these three characters as its own, and asks for exactly these to be escaped. */
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
