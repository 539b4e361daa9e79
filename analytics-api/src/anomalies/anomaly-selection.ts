import { SEVERITIES, SluiceError, type anomalyFilterSchema } from '@sluice/contracts';
import type { z } from 'zod';
import type { AnomalySelection } from '../questions/anomalies.js';

export function selectionOf(
  projectId: number,
  filter: z.output<typeof anomalyFilterSchema>,
): AnomalySelection {
  const { state, severity, watch, series, direction, from, to, include_backfilled } = filter;
  return {
    projectId,
    state: state ?? null,
    severities: severity === undefined ? null : SEVERITIES.slice(SEVERITIES.indexOf(severity)),
    watch: watch ?? null,
    series: series ?? null,
    direction: direction ?? null,
    from: from ?? null,
    to: to ?? null,
    includeBackfilled: include_backfilled === 'true',
  };
}

export interface AnomalyPlace {
  openedAt: Date;
  anomalyId: number;
}

export function writeAnomalyCursor({ openedAt, anomalyId }: AnomalyPlace): string {
  return `${openedAt.getTime()}.${anomalyId}`;
}

/** @throws SluiceError invalid_request */
export function readAnomalyCursor(text: string): AnomalyPlace {
  const match = /^(\d{1,14})\.(\d{1,15})$/.exec(text);
  if (match === null) {
    throw new SluiceError('invalid_request', { message: 'The cursor is malformed.', field: '/cursor' });
  }
  return { openedAt: new Date(Number(match[1])), anomalyId: Number(match[2]) };
}
