import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE_QUERY } from '../../standalone/src/commands/start.js';
import { readInstance, type Instance } from '../../standalone/src/instance-file.js';
import { freePort } from '../../standalone/test/free-port.js';
import { installTarballs, packPackages } from './pack-packages.js';

describe('the application, installed from its tarball in a folder of its own', () => {
  let dir: string;
  let sluice: ChildProcess;
  let instance: Instance;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-application-'));
    const { file } = packPackages(join(dir, 'tarballs')).get('sluice')!;
    writeFileSync(join(dir, 'package.json'), '{ "private": true }\n');
    installTarballs(dir, [file]);
    sluice = await startInstance();
    instance = (await readInstance(join(dir, 'data')))!;
  });

  afterAll(async () => {
    const exited = once(sluice, 'exit');
    sluice.kill('SIGTERM');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  });

  /** What `npx sluice start` runs. */
  async function startInstance(): Promise<ChildProcess> {
    const ports = ['--gateway-port', String(await freePort()), '--api-port', String(await freePort())];
    const child = spawn(join(dir, 'node_modules', '.bin', 'sluice'), ['start', ...ports], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (printed.includes('Stop with Ctrl+C')) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`sluice ended with ${code ?? 'a signal'}:\n${printed}`)));
    });
    return child;
  }

  it('takes an event, counts it, and serves the SDK and the example shop', async () => {
    const sent = await fetch(`${instance.gatewayUrl}/v1/track`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`${instance.writeKey}:`)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ userId: 'user-1', event: 'signed_up' }),
    });
    const { accepted, watermark } = (await sent.json()) as { accepted: number; watermark: string };
    expect(accepted).toBe(1);
    const asked = await fetch(`${instance.apiUrl}/v1/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${instance.readKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...(JSON.parse(EXAMPLE_QUERY) as object), wait_for: watermark }),
    });
    expect(await asked.json()).toMatchObject({ series: [{ total: 1 }] });
    for (const path of ['/sluice.js', '/shop/', '/openapi.json']) {
      expect((await fetch(`${instance.gatewayUrl}${path}`)).status, path).toBe(200);
    }
  });
});
