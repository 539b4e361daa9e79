import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { chromium, type Browser } from 'playwright-core';

const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/usr/bin/google-chrome',
];

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * A real Chromium (`CHROMIUM_PATH`, else the first of this machine), with the back-forward cache that people have.
 * @throws Error when there is none: `apt-get install chromium`.
 */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await findChromium(),
    headless: true,
    args: FLAGS,
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
}

async function findChromium(): Promise<string> {
  const wanted = process.env['CHROMIUM_PATH'] ?? '';
  for (const path of wanted === '' ? CANDIDATES : [wanted]) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not this one.
    }
  }
  throw new Error('There is no Chromium here: apt-get install chromium, or set CHROMIUM_PATH.');
}
