import type { Lab } from './lab.js';
import type { Row } from './row.js';

/** What happened in a row and what is left of it in the browser: for whoever looks for the reason. */
export async function traceOf(lab: Lab, row: Row): Promise<string> {
  const firstMs = lab.proxy.requests[0]?.atMs ?? 0;
  const requests = lab.proxy.requests.map(
    ({ atMs, method, path, weather, status, takenIn, messageIds, body, refusals }) =>
      [
        `  ${String(atMs - firstMs).padStart(6)} ms`,
        method,
        path,
        weather,
        status === null ? 'no answer' : `HTTP ${status}`,
        takenIn ? 'taken in' : 'not taken in',
        `${messageIds.length} messages`,
        `${body.length} B`,
        ...refusals,
      ].join('  '),
  );
  return [
    `${row.row}, ${row.sdk}: ${row.distinct}/${row.expected}; ${[...row.notes, ...row.broken].join('; ')}`,
    ...requests,
    'stored in the browser:',
    await storageOf(lab),
  ].join('\n');
}

const READ_STORAGE = `(async () => {
  const lines = Object.entries(localStorage).map(([key, value]) => 'localStorage ' + key + ' = ' + value.slice(0, 300));
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    for (const store of db.objectStoreNames) {
      const all = await new Promise((resolve, reject) => {
        const reading = db.transaction(store).objectStore(store).getAll();
        reading.onsuccess = () => resolve(reading.result);
        reading.onerror = () => reject(reading.error);
      });
      lines.push('indexedDB ' + name + '.' + store + ': ' + all.length + ' records');
      for (const record of all.slice(0, 20)) lines.push('  ' + JSON.stringify(record).slice(0, 400));
    }
    db.close();
  }
  lines.push('locks ' + JSON.stringify(await navigator.locks.query()));
  return lines.join('\\n');
})()`;

async function storageOf(lab: Lab): Promise<string> {
  try {
    const tab = await lab.browser.openTab();
    await tab.goto(lab.site.nextUrl(0));
    return await tab.evaluate<string>(READ_STORAGE);
  } catch (error) {
    return `could not be read: ${String(error)}`;
  }
}
