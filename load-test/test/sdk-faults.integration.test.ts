import { describe, expect, it } from 'vitest';
import { findChromium } from '../src/clients/browser-sdk.js';
import { startCollector } from '../src/sdk-faults/collector.js';
import type { Row } from '../src/sdk-faults/row.js';
import { runBrowserFaults } from '../src/sdk-faults/run-browser-faults.js';

const executable = await findChromium(undefined);
if (executable === undefined) {
  if ((process.env['CI'] ?? '') !== '') throw new Error('There is no Chromium on this machine.');
  process.stderr.write('\nTHE FAULT LAB IS NOT TESTED: there is no Chromium on this machine.\n\n');
}

/** Runs rows with a tracker that is written here; nothing is looked up in stores. */
async function runRows(rows: readonly string[], pageModule: string): Promise<Map<string, Row>> {
  const ran = await runBrowserFaults({
    target: { gatewayUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1', writeKey: '', readKey: '' },
    rows: new Set(rows),
    sdks: new Set(['naive']),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onRow: () => undefined,
    executable: executable ?? '',
    subjects: [
      {
        name: 'naive',
        pageModule,
        resolveDir: import.meta.dirname,
        writeKey: 'k',
        startUpstream: startCollector,
      },
    ],
  });
  return new Map(ran.map((row) => [row.row, row]));
}

describe.skipIf(executable === undefined)('the fault lab, with trackers that are known to be bad', () => {
  it('sees that what was only in memory is lost, and that copies go out when a tab hides', async () => {
    const rows = await runRows(
      ['crash', 'hide-show'],
      `
let url;
const queue = [];
const post = (messages) => fetch(url + '/v1/b', { method: 'POST', body: JSON.stringify({ batch: messages }) });
export const start = (settings) => {
  url = settings.url;
  // It sends what waits when the page hides, and keeps it all the same.
  document.addEventListener('visibilitychange', () => document.hidden && queue.length > 0 && post(queue));
  setInterval(() => navigator.onLine && queue.length > 0 && post(queue.splice(0)), 1000);
};
export const track = (event, properties) => void queue.push({ messageId: crypto.randomUUID(), event, properties });
`,
    );
    expect(rows.get('crash')).toMatchObject({ expected: 10, distinct: 0 });
    expect(rows.get('hide-show')).toMatchObject({ expected: 7, distinct: 7, extraCopies: 7 });
  });

  it('counts what a tracker that never gives up sends to a server in trouble', async () => {
    const rows = await runRows(
      ['retry-after'],
      `
let url;
const send = async (message) => {
  for (;;) {
    const answer = await fetch(url + '/v1/b', { method: 'POST', body: JSON.stringify({ batch: [message] }) });
    if (answer.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
};
export const start = (settings) => {
  url = settings.url;
};
export const track = (event, properties) => void send({ messageId: crypto.randomUUID(), event, properties });
`,
    );
    const row = rows.get('retry-after');
    expect(row).toMatchObject({ expected: 10, distinct: 10, extraCopies: 0 });
    expect(row?.requestsInOutage).toBeGreaterThan(2 * 10);
  });
});
