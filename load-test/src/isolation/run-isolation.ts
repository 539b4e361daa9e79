import { createKey, ensureProject } from '@sluice/service-kit';
import type { Postgres } from '@sluice/warehouse';
import type { QueryKind } from '@sluice/contracts';
import { createGatewayClient } from '../client/gateway-client.js';
import type { Target } from '../target/target.js';
import { attemptsOn, bodyText } from './attempts.js';
import { plainAnswer } from './compare-answers.js';
import { controlFor, GUESSES, INJECTIONS, SECRET, VICTIM } from './payloads.js';
import { fieldsWithoutSample, SAMPLE_BODIES, SAMPLE_POINTS, SAMPLE_QUERIES } from './sample-requests.js';

export interface IsolationOptions {
  target: Pick<Target, 'gatewayUrl' | 'apiUrl'>;
  postgres: Postgres;
  onProgress: (text: string) => void;
  signal: AbortSignal;
}

export interface IsolationFailure {
  request: string;
  body?: string;
  reason: string;
  answer: string;
}

export interface IsolationResult {
  attempts: number;
  refused: number;
  failures: IsolationFailure[];
}

interface Project {
  readKey: string;
  adminKey: string;
}

/** Attempts at once. */
const AT_ONCE = 6;
const SHOWN_FAILURES = 50;
/** How often one request is sent again while the server is busy. */
const MAX_AGAIN = 50;

/**
 * Makes two projects and tries, with the keys of one, to reach what the other has, and the SQL behind the answers: through
 * every field of every question, through every address that names something, and through fields that do not exist.
 *
 * An attempt is refused when it is answered with a coded 4xx, or exactly as the same request with text that nothing has.
 */
export async function runIsolation(options: IsolationOptions): Promise<IsolationResult> {
  const missing = fieldsWithoutSample();
  if (missing.length > 0) throw new Error(`No attempt is made on ${missing.join(', ')}.`);
  const { victim, attacker } = await prepare(options);
  const before = await fingerprint(victim, options);
  const failures: IsolationFailure[] = [];
  let attempts = 0;
  let refused = 0;
  const note = (failure: IsolationFailure | undefined): void => {
    attempts += 1;
    if (failure === undefined) refused += 1;
    else if (failures.length < SHOWN_FAILURES) failures.push(failure);
  };

  for (const [name, tries] of everyTry(attacker)) {
    options.signal.throwIfAborted();
    options.onProgress(`${name}: ${attempts} attempts so far`);
    const queue = tries[Symbol.iterator]();
    const controls = new Map<string, Promise<Answer>>();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let next = queue.next(); next.done !== true; next = queue.next()) {
          note(await attempt(next.value, controls, options));
        }
      }),
    );
  }
  // Whatever was tried, the other project's data is as it was, and its question still runs or was never known here.
  const after = await fingerprint(victim, options);
  attempts += 1;
  if (after === before) refused += 1;
  else
    failures.push({
      request: 'the other project',
      reason: 'its data changed',
      answer: `${before} → ${after}`,
    });
  return { attempts, refused, failures };
}

interface Try {
  method: string;
  path: string;
  key: string;
  body?: string | undefined;
  text: string | undefined;
  control: { path: string; body?: string | undefined } | undefined;
}

interface Answer {
  status: number;
  text: string;
}

async function attempt(
  { method, path, key, body, text, control }: Try,
  controls: Map<string, Promise<Answer>>,
  options: IsolationOptions,
): Promise<IsolationFailure | undefined> {
  const answer = await send(options, { method, path, key, body });
  const failed = (reason: string): IsolationFailure => ({
    request: `${method} ${path}`,
    ...(body === undefined ? {} : { body: body.slice(0, 2_000) }),
    reason,
    answer: answer.text.slice(0, 1_000),
  });
  if (answer.text.includes(SECRET)) return failed('it shows what the other project stored');
  if (answer.status >= 400 && answer.status < 500) {
    return isCoded(answer.text) ? undefined : failed(`a ${answer.status} without a code`);
  }
  if (answer.status !== 200) return failed(`answered ${answer.status}`);
  if (text === undefined || control === undefined) return failed('it was not refused');
  const controlKey = `${control.path}\n${control.body ?? ''}`;
  const known =
    controls.get(controlKey) ?? send(options, { method, path: control.path, key, body: control.body });
  controls.set(controlKey, known);
  const other = await known;
  if (other.status !== 200) return failed(`text that nothing has is answered ${other.status}: ${other.text}`);
  const same =
    JSON.stringify(plainAnswer(JSON.parse(answer.text), text)) ===
    JSON.stringify(plainAnswer(JSON.parse(other.text), controlFor(text)));
  return same
    ? undefined
    : failed(`text that nothing has is answered otherwise: ${other.text.slice(0, 1_000)}`);
}

function isCoded(text: string): boolean {
  try {
    return typeof (JSON.parse(text) as { code?: unknown }).code === 'string';
  } catch {
    return false;
  }
}

function* everyTry(attacker: Project): Generator<[string, Iterable<Try>]> {
  for (const kind of Object.keys(SAMPLE_QUERIES) as QueryKind[]) {
    yield [`questions about ${kind}`, bodyTries('POST', '/v1/query', attacker.readKey, SAMPLE_QUERIES[kind])];
    yield [`people of ${kind}`, bodyTries('POST', '/v1/people', attacker.readKey, SAMPLE_POINTS[kind])];
  }
  yield [
    'saved questions',
    bodyTries('PUT', '/v1/saved/attempt', attacker.adminKey, [
      {
        description: 'an attempt',
        query: { kind: 'trends', series: [{ event: { $param: 'event' } }] },
        parameters: { event: { type: 'string', default: 'view', description: 'which' } },
      },
    ]),
  ];
  yield [
    'cohorts',
    bodyTries('PUT', '/v1/cohorts/attempt', attacker.adminKey, [
      { description: 'an attempt', filter: { user_property: 'plan', operator: 'is', values: ['pro'] } },
      { description: 'an attempt', user_ids: ['own-user'] },
    ]),
  ];
  yield [
    'what churn means',
    bodyTries('PUT', '/v1/churn/definition', attacker.adminKey, [
      { activity: { kind: 'event', events: ['view'] }, currency: 'EUR', bots: 'exclude' },
    ]),
  ];
  const { watch, channel, simulate, snooze, feedback } = SAMPLE_BODIES;
  yield ['watches', bodyTries('PUT', '/v1/watches/attempt', attacker.adminKey, watch.samples)];
  yield [
    'notification channels',
    bodyTries('PUT', '/v1/notification-channels/attempt', attacker.adminKey, channel.samples),
  ];
  yield ['simulations', bodyTries('POST', '/v1/anomalies/simulate', attacker.readKey, simulate.samples)];
  // The first anomaly belongs to the other project.
  yield ['snoozes', bodyTries('POST', '/v1/anomalies/1/snooze', attacker.adminKey, snooze.samples)];
  yield ['feedback', bodyTries('POST', '/v1/anomalies/1/feedback', attacker.adminKey, feedback.samples)];
  yield ['addresses', addressTries(attacker)];
}

function* bodyTries(method: string, path: string, key: string, requests: readonly unknown[]): Generator<Try> {
  for (const request of requests) {
    for (const { body, text, control } of attemptsOn(request)) {
      yield {
        method,
        path,
        key,
        body: bodyText(body),
        text,
        control: control === undefined ? undefined : { path, body: JSON.stringify(control) },
      };
    }
  }
}

/** Addresses that name something; `*` stands for what is tried. */
const ADDRESSES: readonly [method: string, address: string, kind: 'read' | 'admin'][] = [
  ['GET', '/v1/users/*', 'read'],
  ['GET', '/v1/users/*/timeline', 'read'],
  ['GET', '/v1/users?search=*', 'read'],
  ['GET', '/v1/events?event=*', 'read'],
  ['GET', '/v1/events?type=*', 'read'],
  ['GET', '/v1/events?user_id=*', 'read'],
  ['GET', '/v1/events?anonymous_id=*', 'read'],
  ['GET', '/v1/events?session_id=*', 'read'],
  ['GET', '/v1/events?cursor=*', 'read'],
  ['GET', '/v1/events?from=*', 'read'],
  ['GET', '/v1/churn?search=*', 'read'],
  ['GET', '/v1/churn?cohort=*', 'read'],
  ['GET', '/v1/churn?cursor=*', 'read'],
  ['GET', '/v1/churn?horizon=*', 'read'],
  ['GET', '/v1/churn?order=*', 'read'],
  ['GET', '/v1/churn?min_probability=*', 'read'],
  ['GET', '/v1/churn/jobs/*', 'read'],
  ['GET', '/v1/receipts/*', 'read'],
  ['GET', '/v1/saved/*', 'read'],
  ['GET', '/v1/saved/*.json', 'read'],
  ['GET', '/v1/saved/*.csv', 'read'],
  ['GET', '/v1/saved/own.json?event=*', 'read'],
  ['DELETE', '/v1/saved/*', 'admin'],
  ['GET', '/v1/cohorts/*', 'read'],
  ['DELETE', '/v1/cohorts/*', 'admin'],
  ['DELETE', '/v1/queries/*', 'read'],
  ['GET', '/v1/properties?event=*', 'read'],
  ['GET', '/v1/properties?prefix=*', 'read'],
  ['GET', '/v1/properties/values?property=*', 'read'],
  ['GET', '/v1/properties/values?column=*', 'read'],
  ['GET', '/v1/annotations?from=*', 'read'],
  ['DELETE', '/v1/annotations/*', 'admin'],
  ['GET', '/v1/dead-letters/*', 'admin'],
  ['GET', '/v1/watches/*', 'read'],
  ['DELETE', '/v1/watches/*', 'admin'],
  ['GET', '/v1/anomalies/*', 'read'],
  ['GET', '/v1/anomalies?watch=*', 'read'],
  ['GET', '/v1/anomalies?series=*&include_backfilled=true', 'read'],
  ['GET', '/v1/anomalies?state=*', 'read'],
  ['GET', '/v1/anomalies?from=*', 'read'],
  ['GET', '/v1/anomalies?cursor=*', 'read'],
  ['POST', '/v1/anomalies/*/acknowledge', 'admin'],
  ['GET', '/v1/notification-channels/*', 'admin'],
  ['DELETE', '/v1/notification-channels/*', 'admin'],
  ['POST', '/v1/notification-channels/*/test', 'admin'],
  ['GET', '/v1/integrity?timezone=*', 'read'],
  ['GET', '/v1/audit?from=*', 'read'],
];

function* addressTries(attacker: Project): Generator<Try> {
  // The first of everything belongs to the other project.
  const numbers = ['1', '0', '-1'];
  for (const [method, address, kind] of ADDRESSES) {
    for (const text of [
      ...GUESSES,
      ...INJECTIONS,
      ...(/\/\*(\/acknowledge)?$/.test(address) ? numbers : []),
    ]) {
      yield {
        method,
        path: address.replace('*', () => encodeURIComponent(text)),
        key: kind === 'read' ? attacker.readKey : attacker.adminKey,
        text,
        control: { path: address.replace('*', () => encodeURIComponent(controlFor(text))) },
      };
    }
  }
}

interface Sent {
  method: string;
  path: string;
  key: string;
  body?: string | undefined;
}

/** Asks again while the server is busy with the same thing: that is neither a refusal nor an answer. */
async function send(options: IsolationOptions, sent: Sent): Promise<Answer> {
  let answer = await sendOnce(options, sent);
  for (let again = 0; answer.status === 503 && again < MAX_AGAIN; again += 1) {
    options.signal.throwIfAborted();
    answer = await sendOnce(options, sent);
  }
  return answer;
}

async function sendOnce(
  { target, signal }: IsolationOptions,
  { method, path, key, body }: Sent,
): Promise<Answer> {
  const response = await fetch(`${target.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
    signal,
  });
  return { status: response.status, text: await response.text() };
}

/** Two projects, each with events, a person, a cohort, a saved question and an annotation. */
async function prepare(options: IsolationOptions): Promise<{ victim: Project; attacker: Project }> {
  const victim = await makeProject(options, 'victim', {
    event: VICTIM.event,
    userId: VICTIM.userId,
    path: VICTIM.path,
    properties: { [VICTIM.property]: VICTIM.value, a: SECRET, n: 5 },
    traits: { plan: SECRET, email: `${SECRET}@example.com` },
    title: SECRET,
    names: VICTIM,
    secret: SECRET,
  });
  const attacker = await makeProject(options, 'attacker', {
    event: 'view',
    userId: 'own-user',
    path: '/a',
    properties: { a: 'x', n: 1 },
    traits: { plan: 'pro', email: 'own@example.com' },
    title: 'own',
    names: { cohort: 'own', saved: 'own', watch: 'own', channel: 'own' },
    secret: 'own',
  });
  return { victim, attacker };
}

async function makeProject(
  options: IsolationOptions,
  label: string,
  has: {
    event: string;
    userId: string;
    path: string;
    properties: object;
    traits: object;
    title: string;
    names: { cohort: string; saved: string; watch: string; channel: string };
    secret: string;
  },
): Promise<Project> {
  const { postgres, target } = options;
  const projectId = await ensureProject(postgres.pool, label);
  const { key: writeKey } = await createKey(postgres.pool, { projectId, kind: 'write' });
  const { key: readKey } = await createKey(postgres.pool, { projectId, kind: 'read' });
  const { key: adminKey } = await createKey(postgres.pool, { projectId, kind: 'admin' });
  const gateway = createGatewayClient({ url: target.gatewayUrl, writeKey, connections: 1 });
  const days = ['2024-05-01', '2024-05-02', '2024-05-04'];
  const batch = days.flatMap((day, index) => [
    {
      type: 'page',
      messageId: `${label}-page-${index}`,
      userId: has.userId,
      name: has.title,
      timestamp: `${day}T10:00:00Z`,
      properties: { path: has.path, title: has.title, ...has.properties },
    },
    {
      type: 'track',
      event: has.event,
      messageId: `${label}-track-${index}`,
      userId: has.userId,
      timestamp: `${day}T10:01:00Z`,
      properties: has.properties,
    },
  ]);
  const identify = {
    type: 'identify',
    messageId: `${label}-identify`,
    userId: has.userId,
    timestamp: '2024-05-01T09:00:00Z',
    traits: has.traits,
  };
  try {
    const outcome = await gateway.send(JSON.stringify({ batch: [identify, ...batch] }));
    if (outcome.kind !== 'answered' || outcome.answer.rejected.length > 0) {
      throw new Error(`The events of ${label} were not accepted: ${JSON.stringify(outcome)}`);
    }
    const ready = await send(options, {
      method: 'POST',
      path: '/v1/query',
      key: readKey,
      body: JSON.stringify({ kind: 'trends', wait_for: outcome.answer.watermark, wait_timeout_ms: 30_000 }),
    });
    if (ready.status !== 200) throw new Error(`The events did not become queryable: ${ready.text}`);
  } finally {
    await gateway.close();
  }
  const put = async (path: string, body: object, method = 'PUT'): Promise<void> => {
    const answer = await send(options, { method, path, key: adminKey, body: JSON.stringify(body) });
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
  };
  await put(`/v1/cohorts/${has.names.cohort}`, { description: has.secret, user_ids: [has.userId] });
  await put(`/v1/saved/${has.names.saved}`, {
    description: has.secret,
    query: { kind: 'trends', series: [{ event: { $param: 'event' } }], from: '2024-05-01', to: '2024-05-07' },
    parameters: { event: { type: 'string', default: has.event, description: has.secret } },
  });
  await publishEmptyRun(postgres, projectId);
  await put(`/v1/watches/${has.names.watch}`, {
    metric: { kind: 'events', event: has.secret },
    // Nothing of it shall change by itself.
    enabled: false,
  });
  await put(`/v1/notification-channels/${has.names.channel}`, {
    kind: 'email',
    addresses: [`${has.secret}@example.com`],
    enabled: false,
  });
  await addAnomaly(postgres, projectId, has);
  await put('/v1/annotations', { at: '2024-05-01T00:00:00Z', text: has.secret }, 'POST');
  return { readKey, adminKey };
}

/** Scores of nobody: so that questions about churn are asked, and not refused because there is no scoring yet. */
async function publishEmptyRun({ pool }: Postgres, projectId: number): Promise<void> {
  await pool.query(
    `with model as (
       insert into churn_models (project_id, definition, timezone, known_through, model)
       values ($1, '{}', 'UTC', '2024-05-04', '{}') returning model_id
     ), run as (
       insert into churn_runs (project_id, model_id, known_through, generation, state, slices, slices_done, people, published_at)
       select $1, model_id, '2024-05-04', 1, 'published', 1, 1, 0, now() from model returning run_id
     )
     insert into churn_current (project_id, run_id) select $1, run_id from run`,
    [projectId],
  );
}

/** An anomaly of the watch, as the watcher would have found it. */
async function addAnomaly(
  { pool }: Postgres,
  projectId: number,
  has: { names: { watch: string }; secret: string },
): Promise<void> {
  await pool.query(
    `with watched as (
       insert into watch_series (watch_id, project_id, series, kind, measured, detector, detector_version, state,
         next_bucket, watched_since)
       select watch_id, project_id, $3, 'count', '{}', 'count', 1, '', '2024-05-02', '2024-05-02'
       from watches where project_id = $1 and name = $2
       returning *
     )
     insert into anomalies (project_id, watch_id, series_id, watch, metric, series, interval, bucket, since, observed,
       expected, lower, upper, score, surprise, direction, severity, detector, detector_version, state, opened_at,
       last_seen_at, resolved_at, peak_bucket, peak_observed, peak_expected, peak_surprise, buckets, observed_sum,
       expected_sum, surprise_sum, evidence, change_id)
     select s.project_id, s.watch_id, s.series_id, w.name, w.metric, s.series, w.interval, at, at, 0, 9, 2, 20, 1, 6, 'down',
       'critical', s.detector, 1, 'resolved', at, at, at, at, 0, 9, 6, 1, 0, 9, 6, '[]', nextval('anomaly_changes')
     from watched s join watches w using (watch_id), (select timestamptz '2024-05-01T10:00:00Z' as at) as t`,
    [projectId, has.names.watch, has.secret],
  );
}

/** What the other project has, in one text. */
async function fingerprint(victim: Project, options: IsolationOptions): Promise<string> {
  const parts: unknown[] = [];
  for (const path of [
    '/v1/events?limit=100',
    '/v1/cohorts',
    '/v1/saved',
    '/v1/annotations',
    `/v1/watches/${VICTIM.watch}`,
    `/v1/anomalies?watch=${VICTIM.watch}`,
    '/v1/notification-channels',
    `/v1/users/${VICTIM.userId}`,
  ]) {
    const { status, text } = await send(options, { method: 'GET', path, key: victim.adminKey });
    if (status !== 200) throw new Error(`${path} of the other project answered ${status}: ${text}`);
    if (!text.includes(SECRET))
      throw new Error(`${path} of the other project shows nothing to protect: ${text}`);
    parts.push(plainAnswer(JSON.parse(text), controlFor(text)));
  }
  return JSON.stringify(parts);
}
