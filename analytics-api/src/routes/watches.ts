import {
  nameSchema,
  problemSchema,
  SluiceError,
  watchDetailSchema,
  watchInputSchema,
  watchListSchema,
  watchSchema,
  type Watch,
  type WatchDetail,
} from '@sluice/contracts';
import { z } from 'zod';
import { notedBy } from '../access/noted-by.js';
import type { ApiContext, ApiScope } from '../api-context.js';
import { checkDepth } from '../ask/check-depth.js';
import {
  askWatch,
  askWatches,
  askWatchSeries,
  deleteWatch,
  saveWatch,
  type WatchRow,
  type WatchSeriesRow,
} from '../questions/watches.js';
import { findSaved } from '../saved/find-saved.js';

const path = z.strictObject({ name: nameSchema });
const faults = { '4xx': problemSchema, '5xx': problemSchema };
const MAX_WATCHES = 100;

/** `/v1/watches`: what is watched. */
export function registerWatches(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres } = context;

  app.get(
    '/v1/watches',
    {
      config: { scope: 'read' },
      schema: { summary: 'List what is watched', response: { 200: watchListSchema, ...faults } },
    },
    async (request) => {
      const { rows } = await runPostgres(askWatches(request.owner.project.projectId));
      return {
        watches: rows.map(({ series, failing, ...row }) => ({ ...watchOf(row), series, failing })),
      };
    },
  );

  app.get(
    '/v1/watches/:name',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show a watch and where its series stand',
        params: path,
        response: { 200: watchDetailSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { name } = request.params;
      const { rows } = await runPostgres(askWatch(projectId, name));
      if (rows[0] === undefined) throw missing(name);
      const series = await runPostgres(askWatchSeries(projectId, name));
      return { ...watchOf(rows[0]), series: series.rows.map(seriesOf) };
    },
  );

  app.put(
    '/v1/watches/:name',
    {
      config: { scope: 'admin' },
      preValidation: (request, _reply, done) => done(checkDepth(request.body)),
      schema: {
        summary: 'Watch something, or watch it otherwise',
        description:
          'Where the metric or the interval changes, its series begin anew; any other change keeps what they have learned.',
        params: path,
        body: watchInputSchema,
        response: { 200: watchSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { name } = request.params;
      const { metric } = request.body;
      if (metric.kind === 'saved') await findSaved(projectId, metric.name, undefined, context);
      const { rows } = await changePostgres(
        saveWatch(projectId, name, request.body, MAX_WATCHES),
        notedBy(request, 'watch.save', name, askWatch(projectId, name)),
      );
      if (rows[0] === undefined) {
        throw new SluiceError('too_many_watches', { message: `${MAX_WATCHES} watches are the limit.` });
      }
      return watchOf(rows[0]);
    },
  );

  app.delete(
    '/v1/watches/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Watch something no longer; its anomalies are deleted, too',
        params: path,
        response: { 200: z.object({ deleted: nameSchema }), ...faults },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { projectId } = request.owner.project;
      const { rows } = await changePostgres(
        deleteWatch(projectId, name),
        notedBy(request, 'watch.delete', name, askWatch(projectId, name)),
      );
      if (rows[0] === undefined) throw missing(name);
      return { deleted: name };
    },
  );
}

function missing(name: string): SluiceError {
  return new SluiceError('watch_not_found', { message: `There is no watch ${name}.`, field: '/name' });
}

function watchOf(row: WatchRow): Watch {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() };
}

function seriesOf(row: WatchSeriesRow): WatchDetail['series'][number] {
  return {
    ...row,
    next_bucket: row.next_bucket.toISOString(),
    watched_since: row.watched_since.toISOString(),
    snoozed_until: row.snoozed_until?.toISOString() ?? null,
    retired_at: row.retired_at?.toISOString() ?? null,
    failed_since: row.failed_since?.toISOString() ?? null,
  };
}
