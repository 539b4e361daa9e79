import { describe, expect, it } from 'vitest';
import { detailsOf, headlineOf, type Message, type ToldAnomaly } from './messages.js';
import { slackMessageOf } from './slack-message.js';

const anomaly: ToldAnomaly = {
  anomaly_id: 7,
  project_id: 1,
  watch: 'events',
  metric: { kind: 'every_event' },
  series: 'Signup <script>',
  interval: 'quarter_hour',
  state: 'open',
  severity: 'critical',
  direction: 'down',
  bucket: '2026-03-10T12:00:00.000Z',
  since: '2026-03-10T11:45:00.000Z',
  observed: 3,
  expected: 41.27,
  lower: 22,
  upper: 66,
  surprise: 12,
  opened_at: '2026-03-10T12:15:00.000Z',
  last_seen_at: '2026-03-10T12:15:00.000Z',
  resolved_at: null,
  peak: { bucket: '2026-03-10T12:00:00.000Z', observed: 3, expected: 41.27, surprise: 12 },
  evidence: [{ field: 'country', value: 'DE', observed: 0, expected: 30, share: 0.79 }],
};
const opened: Message = {
  type: 'anomaly.opened',
  timestamp: '2026-03-10T12:17:00.000Z',
  project: 'shop',
  data: anomaly,
};

describe('a message', () => {
  it('says in one line what happened', () => {
    expect(headlineOf(opened)).toBe('Critical: Signup <script> in events is down, 3 in place of about 41.27');
    expect(headlineOf({ ...opened, type: 'anomaly.resolved' })).toBe(
      'Resolved: Signup <script> in events is as expected again',
    );
    expect(
      headlineOf({
        type: 'anomaly.digest',
        timestamp: '',
        project: 'shop',
        data: { day: '2026-03-10', anomalies: [anomaly], more: 0 },
      }),
    ).toBe('1 anomaly on 2026-03-10');
  });

  it('says what explains it, and that this is not known where it is not', () => {
    expect(detailsOf(opened)).toContain('country DE: 0 in place of about 30, 79 % of the change');
    expect(detailsOf({ ...opened, data: { ...anomaly, evidence: null } })).toContain(
      'What explains it could not be found out.',
    );
  });

  it('leaves nothing to Slack to read as its own', () => {
    const text = JSON.stringify(slackMessageOf(opened));
    expect(text).not.toContain('<script>');
    expect(text).toContain('&lt;script&gt;');
  });
});
