import { bestSyncMicros } from './judge.js';
import type { Row } from './row.js';

/** Rows side by side: a line a fault, a column an SDK. */
export function faultTable(rows: readonly Row[]): string {
  return (['browser', 'node'] as const)
    .map((place) => rows.filter((row) => row.place === place))
    .filter((ofPlace) => ofPlace.length > 0)
    .map(tableOf)
    .join('\n\n');
}

function tableOf(rows: readonly Row[]): string {
  const sdks = [...new Set(rows.map((row) => row.sdk))];
  const titles = new Map(rows.map((row) => [row.row, row.title]));
  const cells = [
    ['', ...sdks],
    ...[...titles].map(([name, title]) => [
      title,
      ...sdks.map((sdk) => cellOf(rows.find((row) => row.row === name && row.sdk === sdk))),
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `10/10 +2 (3 req, 12 µs)`: arrived of tracked, further copies on the wire, requests in the outage, time of a call. */
function cellOf(row: Row | undefined): string {
  if (row === undefined) return '–';
  const micros = bestSyncMicros(row);
  const more = [
    ...(row.requestsInOutage === null ? [] : [`${row.requestsInOutage} req`]),
    ...(micros === undefined ? [] : [`${micros} µs`]),
    ...((row.copiesAfterLanding ?? 0) === 0 ? [] : [`${row.copiesAfterLanding ?? 0} DOUBLED`]),
  ];
  return [
    `${row.distinct}/${row.expected}`,
    ...(row.extraCopies === 0 ? [] : [`+${row.extraCopies}`]),
    ...(more.length === 0 ? [] : [`(${more.join(', ')})`]),
    ...(row.broken.length === 0 ? [] : ['BROKEN']),
  ].join(' ');
}
