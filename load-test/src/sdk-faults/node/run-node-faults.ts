import { createApiClient, type ApiClient } from '../../client/api-client.js';
import { checkLanding } from '../check-landing.js';
import { installPeer } from '../install-peer.js';
import { SLUICE, type FaultRunOptions, type Row } from '../row.js';
import { awaitEnd } from './application.js';
import { openNodeLab, type NodeLab } from './node-lab.js';
import { NODE_PEERS } from './node-peers.js';
import { NODE_ROWS, type NodeFindings, type NodeRow } from './node-rows.js';
import { createSluiceNodeSubjects, nodePeerSubject, type NodeSubject } from './node-subject.js';

export interface NodeFaultOptions extends FaultRunOptions {
  /** Where peers are installed. */
  peersDir: string;
  /** Why a peer was left out. */
  onMissing?: (name: string, reason: string) => void;
}

/** After everything has arrived: copies come late. */
const COPIES_MS = 3_000;
/** How long nothing may arrive in the process that comes back. */
const RETURN_IDLE_MS = 30_000;
const LANDING_TIMEOUT_MS = 300_000;

/**
 * Runs rows one after the other, each in processes of its own. `sluice` runs with its spool, and beside it without, as
 * `sluice-memory`, so that it can be seen what the spool is for.
 */
export async function runNodeFaults(options: NodeFaultOptions): Promise<Row[]> {
  const { target, signal } = options;
  const api = createApiClient({ url: target.apiUrl, readKey: target.readKey });
  const rows: Row[] = [];
  try {
    for (const subject of await openSubjects(options)) {
      for (const nodeRow of NODE_ROWS) {
        if (options.rows !== undefined && !options.rows.has(nodeRow.name)) continue;
        signal.throwIfAborted();
        options.onProgress(`${subject.name} in Node: ${nodeRow.title}`);
        const lab = await openNodeLab(subject, signal);
        try {
          const row = await runRow(lab, nodeRow, api);
          rows.push(row);
          options.onRow(row);
        } finally {
          await lab.close();
        }
      }
    }
    return rows;
  } finally {
    await api.close();
  }
}

async function openSubjects(options: NodeFaultOptions): Promise<NodeSubject[]> {
  const subjects = options.sdks.has(SLUICE) ? createSluiceNodeSubjects(options.target) : [];
  for (const peer of NODE_PEERS.filter(({ name }) => options.sdks.has(name))) {
    try {
      subjects.push(nodePeerSubject(peer, await installPeer(peer.package, options.peersDir)));
    } catch (error) {
      options.onMissing?.(peer.name, error instanceof Error ? error.message : String(error));
    }
  }
  return subjects;
}

async function runRow(lab: NodeLab, nodeRow: NodeRow, api: ApiClient): Promise<Row> {
  const findings = await nodeRow.act(lab);
  const notes = [...(findings.notes ?? [])];
  if (lab.subject.isDurable) notes.push(...(await comeBack(lab, nodeRow.events)));
  if (lab.arrivals().copies.size >= nodeRow.events) await lab.untilStill(Infinity, COPIES_MS);
  const { copies, extraCopies } = lab.arrivals();
  const row: Row = {
    place: 'node',
    row: nodeRow.name,
    title: nodeRow.title,
    sdk: lab.subject.name,
    expected: nodeRow.events,
    distinct: copies.size,
    extraCopies,
    copiesAfterLanding: null,
    requestsInOutage: findings.requestsInOutage ?? null,
    syncMicros: findings.syncMicros ?? [],
    ...(findings.rssGrowthBytes === undefined ? {} : { rssGrowthBytes: findings.rssGrowthBytes }),
    notes,
    broken: [],
  };
  return lab.isSluice ? withLanding(row, lab, findings, api) : row;
}

/** The application is started again, as after a deployment or a crash, and has nothing to track. */
async function comeBack(lab: NodeLab, expected: number): Promise<string[]> {
  const before = lab.arrivals().copies.size;
  const application = await lab.start({ events: 0, then: 'serve' });
  await application.tracked;
  await lab.untilStill(expected, RETURN_IDLE_MS);
  application.kill('SIGTERM');
  await awaitEnd(application, lab.signal);
  return before < expected ? [`${before} before it was started again`] : [];
}

/** What arrived is not yet what is counted: the stores have the last word. */
async function withLanding(row: Row, lab: NodeLab, findings: NodeFindings, api: ApiClient): Promise<Row> {
  const arrivals = lab.arrivals();
  const landing = await checkLanding({
    api,
    event: lab.event,
    accepted: arrivals.messageIds,
    watermark: arrivals.watermark,
    timeoutMs: LANDING_TIMEOUT_MS,
    signal: lab.signal,
  });
  const broken = [...(findings.broken ?? [])];
  if (arrivals.refusals.length > 0) {
    broken.push(`${arrivals.refusals.length} messages refused: ${arrivals.refusals[0] ?? ''}`);
  }
  if (landing.missing.length > 0) broken.push(`${landing.missing.length} accepted messages are in no store`);
  return {
    ...row,
    distinct: Math.min(arrivals.copies.size, landing.distinct),
    // One event under two ids is a copy too, which no server can tell.
    copiesAfterLanding: landing.copies + Math.max(0, landing.distinct - arrivals.copies.size),
    broken,
  };
}
