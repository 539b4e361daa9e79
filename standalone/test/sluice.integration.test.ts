import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE_QUERY } from '../src/commands/start.js';
import { readInstance, type Instance } from '../src/instance-file.js';
import { freePort } from './free-port.js';

// The built command: its parts are processes of their own. `npm test` builds before it tests.
const SLUICE = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));

describe('sluice', () => {
  let dataDir: string;
  let ports: [number, number];
  let supervisor: ChildProcess;
  let instance: Instance;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-standalone-'));
    ports = [await freePort(), await freePort()];
    supervisor = await startInstance();
    instance = (await readInstance(dataDir))!;
  });

  afterAll(async () => {
    await stopInstance();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function startInstance(): Promise<ChildProcess> {
    const child = spawnSluice('start', '--gateway-port', String(ports[0]), '--api-port', String(ports[1]));
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (printed.includes('Stop with Ctrl+C')) resolve();
      });
      child.once('exit', (code) =>
        reject(new Error(`sluice start ended with ${code ?? 'a signal'}:\n${printed}`)),
      );
    });
    return child;
  }

  async function stopInstance(): Promise<number | null> {
    const exited = once(supervisor, 'exit') as Promise<[number | null]>;
    supervisor.kill('SIGTERM');
    return (await exited)[0];
  }

  function spawnSluice(...args: string[]): ChildProcess {
    return spawn(process.execPath, [SLUICE, '--data-dir', dataDir, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const child = spawnSluice(...args);
    let out = '';
    let err = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  }

  async function send(body: object): Promise<{ accepted: number; watermark: string }> {
    const answer = await fetch(`${instance.gatewayUrl}/v1/batch`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${instance.writeKey}:`)}` },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { accepted: number; watermark: string };
  }

  async function countSignUps(waitFor: string): Promise<number> {
    const answer = await fetch(`${instance.apiUrl}/v1/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${instance.readKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...(JSON.parse(EXAMPLE_QUERY) as object), wait_for: waitFor }),
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { series: { total: number }[] }).series[0]!.total;
  }

  const message = (id: string): object => ({ type: 'track', event: 'signed_up', userId: id, messageId: id });

  it('answers the question of its welcome with what was sent, each message counted once', async () => {
    const first = await send({ batch: [message('a'), message('b')], sentAt: new Date().toISOString() });
    expect(first.accepted).toBe(2);
    const again = await send({ batch: [message('a'), message('c')], sentAt: new Date().toISOString() });
    expect(
      await countSignUps(`${first.watermark},${again.watermark}`.split(',').filter(newest).join(',')),
    ).toBe(3);
  });

  it('goes on where it was after every one of its processes was killed', async () => {
    const { watermark } = await send({ batch: [message('d')] });
    const exited = once(supervisor, 'exit');
    supervisor.kill('SIGKILL');
    for (const pid of Object.values((await readInstance(dataDir))!.children)) process.kill(pid, 'SIGKILL');
    await exited;
    supervisor = await startInstance();
    expect(await countSignUps(watermark)).toBe(4);
    expect((await run('audit')).code).toBe(0);
  });

  it('refuses a data directory that is in use, and says by whom', async () => {
    const { code, err } = await run('start', '--gateway-port', String(await freePort()));
    expect(code).toBe(1);
    expect(err).toContain(`in use by process ${supervisor.pid}`);
  });

  it('refuses a port that is taken, and says how to choose another', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'sluice-elsewhere-'));
    const { code, err } = await run('--data-dir', elsewhere, 'start', '--gateway-port', String(ports[0]));
    await rm(elsewhere, { recursive: true });
    expect(code).toBe(1);
    expect(err).toContain(`Port ${ports[0]} is taken`);
    expect(err).toContain('--gateway-port');
  });

  it('makes, lists and revokes keys', async () => {
    const made = JSON.parse((await run('keys', 'create', '--kind', 'read', '--json')).out) as {
      keyId: number;
      key: string;
    };
    expect((await run('keys', 'list')).out).not.toContain(made.key);
    expect((await run('keys', 'revoke', String(made.keyId))).code).toBe(0);
    expect((await run('keys', 'revoke', String(made.keyId))).code).toBe(1);
  });

  it('rebuilds the rollups while it runs, and the audit still balances', async () => {
    const { code, out } = await run('rebuild');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ rows: 4, generation: 2 });
    expect((await run('audit')).code).toBe(0);
  });

  it('shows refused messages as dead letters', async () => {
    const answer = await send({ batch: [{ type: 'track', userId: 'x' }, message('e')] });
    expect(answer.accepted).toBe(1);
    await countSignUps(answer.watermark);
    const rows = JSON.parse((await run('dead-letters', 'list', '--json')).out) as {
      id: number;
      code: string;
    }[];
    expect(rows).toHaveLength(1);
    expect(rows[0]!.code).toBe('event_not_defined');
    const shown = JSON.parse((await run('dead-letters', 'show', String(rows[0]!.id))).out) as {
      text: string;
    };
    expect(JSON.parse(shown.text)).toEqual({ type: 'track', userId: 'x' });
  });

  it('makes a project, changes what it has chosen, and lists it', async () => {
    const made = await run('projects', 'create', 'shop', '--timezone', 'Europe/Berlin');
    expect(JSON.parse(made.out)).toMatchObject({
      name: 'shop',
      timezone: 'Europe/Berlin',
      ip_policy: 'truncate',
    });
    expect((await run('projects', 'create', 'shop')).code).toBe(1);
    const changed = await run('projects', 'set', 'shop', '--retention-days', '30', '--ip-policy', 'discard');
    expect(JSON.parse(changed.out)).toMatchObject({ retention_days: 30, ip_policy: 'discard' });
    const kept = await run('projects', 'set', 'shop', '--retention-days', 'forever');
    expect(JSON.parse(kept.out)).toMatchObject({ retention_days: null, ip_policy: 'discard' });
    const listed = JSON.parse((await run('projects', 'list', '--json')).out) as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(['default', 'shop']);
    expect((await run('projects', 'set', 'shop', '--timezone', 'Mars/Olympus')).code).toBe(2);
    expect((await run('projects', 'set', 'nobody', '--plan-mode', 'off')).err).toContain('no project nobody');
  });

  it('compares a plan with the one in force, tries it on what came in, and puts it in force once', async () => {
    const file = join(dataDir, 'plan.json');
    const plan = {
      signed_up: { type: 'object', properties: { plan: { type: 'string' } }, required: ['plan'] },
    };
    await writeFile(file, JSON.stringify(plan));
    const { watermark } = await send({ batch: [message('planned')] });
    await countSignUps(watermark);
    const diff = await run('plan', 'diff', file, '--json');
    expect(JSON.parse(diff.out)).toMatchObject({ changes: [{ event: 'signed_up', change: 'added' }] });
    const hour = 3_600_000;
    const range = [
      '--from',
      new Date(Date.now() - hour).toISOString(),
      '--to',
      new Date(Date.now() + hour).toISOString(),
    ];
    const checked = await run('plan', 'check', file, '--mode', 'block', ...range);
    expect(checked.code).toBe(1);
    expect((JSON.parse(checked.out) as { blocked: number }).blocked).toBeGreaterThan(0);
    expect(JSON.parse((await run('plan', 'push', file, '--yes')).out)).toMatchObject({
      pushed: true,
      version: 1,
    });
    expect(JSON.parse((await run('plan', 'push', file, '--yes')).out)).toMatchObject({ pushed: false });
  });

  it('exports all that is stored of a person, erases it with a receipt, and nobody else', async () => {
    const before = await countSignUps(
      (await send({ batch: [message('leaver'), message('stayer')] })).watermark,
    );
    const out = join(dataDir, 'leaver.ndjson');
    expect((await run('people', 'export', '--user', 'leaver', '--out', out)).code).toBe(0);
    expect(await readFile(out, 'utf8')).toContain('leaver');
    const erased = await run('people', 'erase', '--user', 'leaver', '--yes');
    expect(erased.code, erased.err).toBe(0);
    expect(
      await countSignUps((await send({ batch: [message('leaver'), message('newcomer')] })).watermark),
    ).toBe(before);
    const [erasure] = JSON.parse((await run('people', 'erasures', '--json')).out) as { id: number }[];
    const receipt = await run('people', 'receipt', String(erasure!.id));
    expect(receipt.code, receipt.err).toBe(0);
    expect(receipt.out).not.toContain('leaver');
    expect((await run('audit')).code).toBe(0);
  });

  it('lists what was changed by whom, and names nobody who was erased', async () => {
    const listed = await run('admin-actions', '--json', '--limit', '200');
    const actions = (JSON.parse(listed.out) as { action: string; by: string }[]).map(({ action }) => action);
    expect(actions).toEqual(
      expect.arrayContaining([
        'key.create',
        'key.revoke',
        'project.create',
        'project.change',
        'plan.change',
        'person.export',
        'person.erase',
        'rollups.rebuild',
      ]),
    );
    expect(listed.out).not.toContain('leaver');
  });

  it('tells wrong usage from failure by its exit code', async () => {
    expect((await run('no-such-command')).code).toBe(2);
    expect((await run('keys', 'revoke', 'seven')).code).toBe(2);
    expect((await run('--help')).code).toBe(0);
  });

  it('stops in good order on SIGTERM', async () => {
    expect(await stopInstance()).toBe(0);
    expect((await readInstance(dataDir))!.pid).toBeNull();
    expect((await run('audit')).err).toContain('Is Sluice running?');
    supervisor = await startInstance();
  });
});

/** Of several positions in one partition, the last one named. */
function newest(position: string, index: number, all: string[]): boolean {
  const partition = position.split(':')[0]!;
  return !all.slice(index + 1).some((later) => later.startsWith(`${partition}:`));
}
