import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium } from '../clients/browser-sdk.js';
import type { Panel, ShippedDashboard } from '@sluice/monitoring';
import type { Answer, PanelResult } from './ask-panel.js';
import { formatValue } from './format-value.js';

const COLUMN = 42;
const LINE = 28;
const GAP = 6;
const COLOURS = [
  '#56a64b',
  '#e0b400',
  '#3274d9',
  '#e02f44',
  '#8f3bb8',
  '#ff780a',
  '#37872d',
  '#1f60c4',
  '#7c2ea3',
];
const NAMED: Readonly<Record<string, string>> = {
  green: '#37872d',
  blue: '#1f60c4',
  orange: '#e0752d',
  red: '#c4162a',
};

interface Chart {
  element: string;
  width: number;
  height: number;
  unit: string;
  /** Aligned: the times, then the values of each series. */
  data: (number | null)[][];
  colours: string[];
  isFilled: boolean;
  thresholds: { value: number; colour: string }[];
}

/** Draws each dashboard from what its queries gave, laid out as Grafana lays it out, and writes UID.png into the folder. */
export async function drawDashboards(
  dashboards: readonly ShippedDashboard[],
  results: readonly PanelResult[],
  dir: string,
): Promise<void> {
  const executablePath = await findChromium(undefined);
  if (executablePath === undefined) throw new Error('No Chromium here: "apt-get install chromium".');
  const require = createRequire(import.meta.url);
  const script = await readFile(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8');
  const style = await readFile(require.resolve('uplot/dist/uPlot.min.css'), 'utf8');
  await mkdir(dir, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    for (const { uid, panels } of dashboards) {
      const { html, charts, height } = layOut(
        results.filter(({ dashboard }) => dashboard === uid),
        panels.filter(({ type }) => type === 'row'),
      );
      const page = await browser.newPage({ viewport: { width: 24 * COLUMN, height } });
      await page.setContent(
        `<!doctype html><meta charset="utf-8"><style>${style}${STYLE}</style><body>${html}<script>${script}</script>
<script>const formatValue = ${formatValue.toString()};\n(${DRAW})(${JSON.stringify(charts)})</script>`,
      );
      await writeFile(join(dir, `${uid}.png`), await page.screenshot({ type: 'png' }));
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

function layOut(
  panels: readonly PanelResult[],
  rows: readonly Panel[],
): { html: string; charts: Chart[]; height: number } {
  const charts: Chart[] = [];
  const bottom = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  const titles = rows.map(
    ({ title, gridPos }) => `<h1 style="top:${gridPos.y * LINE}px">${escape(title)}</h1>`,
  );
  const html = panels.map((result) => {
    const { panel } = result;
    const { x, y, w, h } = panel.gridPos;
    const width = w * COLUMN - GAP;
    const height = h * LINE - GAP;
    const body = drawPanel(result, { width, height: height - 26 }, charts);
    return `<section style="left:${x * COLUMN + GAP / 2}px;top:${y * LINE + GAP / 2}px;width:${width}px;height:${height}px"><h2>${escape(panel.title)}</h2>${body}</section>`;
  });
  return { html: [...titles, ...html].join('\n'), charts, height: bottom * LINE };
}

function drawPanel(result: PanelResult, size: { width: number; height: number }, charts: Chart[]): string {
  const { panel } = result;
  const defaults = panel.fieldConfig?.defaults;
  const unit = defaults?.unit ?? 'none';
  const answers = panel.targets.map(({ refId }) => result.answers.get(refId));
  const failed = answers.find((answer) => answer instanceof Error);
  if (failed instanceof Error) return `<p class="failed">${escape(failed.message)}</p>`;
  const found = answers.filter(
    (answer): answer is Answer => answer !== undefined && !(answer instanceof Error),
  );
  const steps = defaults?.thresholds?.steps ?? [];
  switch (panel.type) {
    case 'stat': {
      const value = lastValueOf(found);
      if (value === undefined) return NO_DATA;
      const colour =
        steps.filter(({ value: from }) => from === null || value >= from).at(-1)?.color ?? 'green';
      return `<p class="stat" style="color:${NAMED[colour] ?? '#333'}">${escape(formatValue(value, unit, defaults?.decimals))}</p>`;
    }
    case 'table':
      return drawTable(found);
    case 'bargauge':
      return drawBars(found, unit);
    default: {
      const series = found.flatMap((answer) => (answer.kind === 'series' ? answer.series : []));
      if (series.length === 0) return NO_DATA;
      const legend = series
        .map(({ name }, index) => `<span><i style="background:${colourOf(index)}"></i>${escape(name)}</span>`)
        .join('');
      const element = `chart-${charts.length}`;
      const lines = Math.min(
        2,
        Math.ceil(series.reduce((sum, { name }) => sum + name.length * 6 + 22, 0) / size.width),
      );
      const times = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort(
        (a, b) => a - b,
      );
      const stacked = defaults?.custom?.stacking?.mode === 'normal';
      const values = series.map(({ points }) => {
        const at = new Map(points);
        return times.map((time) => at.get(time) ?? null);
      });
      charts.push({
        element,
        width: size.width - 8,
        height: size.height - lines * 16 - 4,
        unit,
        data: [times, ...(stacked ? stack(values) : values)],
        colours: series.map((_one, index) => colourOf(index)),
        isFilled: stacked,
        thresholds: steps.flatMap(({ value, color }) =>
          value === null ? [] : [{ value, colour: NAMED[color] ?? '#333' }],
        ),
      });
      return `<div id="${element}"></div><p class="legend" style="height:${lines * 16}px">${legend}</p>`;
    }
  }
}

/** Each series on top of those before it. */
function stack(series: readonly (number | null)[][]): (number | null)[][] {
  const sums: number[] = [];
  return series.map((values) =>
    values.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + (value ?? 0);
      return sums[index];
    }),
  );
}

function lastValueOf(answers: readonly Answer[]): number | undefined {
  const [answer] = answers;
  if (answer?.kind === 'series') return answer.series[0]?.points.at(-1)?.[1];
  const value = answer?.rows[0]?.[0];
  return typeof value === 'number' ? value : undefined;
}

function drawTable(answers: readonly Answer[]): string {
  const [answer] = answers;
  if (answer?.kind !== 'table' || answer.rows.length === 0) return NO_DATA;
  const cell = (value: unknown): string =>
    typeof value === 'number'
      ? `<td class="number">${escape(formatValue(value, 'none'))}</td>`
      : `<td>${escape(textOf(value))}</td>`;
  return `<table><tr>${answer.columns.map((name) => `<th>${escape(name)}</th>`).join('')}</tr>${answer.rows
    .map((row) => `<tr>${row.map(cell).join('')}</tr>`)
    .join('')}</table>`;
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString().slice(0, 19).replace('T', ' ');
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
}

function drawBars(answers: readonly Answer[], unit: string): string {
  const [answer] = answers;
  if (answer?.kind !== 'table' || answer.rows.length === 0) return NO_DATA;
  const most = Math.max(...answer.rows.map((row) => Number(row[1])));
  return answer.rows
    .map(
      (row, index) =>
        `<div class="bar"><b>${escape(String(row[0]))}</b><i style="width:${Math.round((Number(row[1]) / most) * 55)}%;background:${colourOf(index)}"></i>${escape(formatValue(Number(row[1]), unit))}</div>`,
    )
    .join('');
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length]!;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const NO_DATA = '<p class="failed">No data</p>';

const STYLE = `
body { margin: 0; background: #f4f5f5; font: 12px "DejaVu Sans", Arial, sans-serif; color: #333; position: relative }
section { position: absolute; background: #fff; border: 1px solid #e2e4e6; border-radius: 3px; box-sizing: border-box; overflow: hidden }
h1 { position: absolute; left: 6px; margin: 0; font-size: 13px; font-weight: 600; line-height: 32px; color: #555 }
h2 { margin: 5px 8px 3px; font-size: 12px; font-weight: 600; white-space: nowrap }
.stat { margin: 0; text-align: center; font-size: 28px; line-height: 60px }
.failed { color: #c4162a; margin: 8px }
.legend { margin: 0 8px; font-size: 10px; line-height: 16px; overflow: hidden }
.legend span { margin-right: 10px; white-space: nowrap }
.legend i { display: inline-block; width: 10px; height: 3px; margin-right: 4px; vertical-align: middle }
table { border-collapse: collapse; width: 100%; font-size: 11px }
th, td { text-align: left; padding: 2px 8px; border-top: 1px solid #eee; white-space: nowrap; line-height: 14px }
td.number { text-align: right }
.bar { margin: 6px 8px; line-height: 18px; white-space: nowrap }
.bar b { display: inline-block; width: 70px; font-weight: normal }
.bar i { display: inline-block; height: 16px; margin-right: 6px; vertical-align: middle }`;

/** Runs within the page. */
const DRAW = `(charts) => {
  const timeText = (seconds, times) => {
    const text = new Date(seconds * 1000).toISOString();
    return times[times.length - 1] - times[0] > 86400 ? text.slice(5, 10) : text.slice(11, 19);
  };
  for (const chart of charts) {
    const most = Math.max(...chart.data.slice(1).flat().filter((value) => value !== null));
    const least = Math.min(0, ...chart.data.slice(1).flat().filter((value) => value !== null));
    const axis = { stroke: '#666', font: '10px DejaVu Sans', grid: { stroke: '#eee', width: 1 }, ticks: { show: false } };
    new uPlot(
      {
        width: chart.width,
        height: chart.height,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: [least, most > least ? most * 1.1 : least + 1] } },
        axes: [
          { ...axis, size: 22, space: 70, values: (_plot, ticks) => ticks.map((tick) => timeText(tick, chart.data[0])) },
          { ...axis, size: 64, space: 26, values: (_plot, ticks) => ticks.map((tick) => formatValue(tick, chart.unit)) },
        ],
        series: [
          {},
          ...chart.colours.map((colour) => ({
            stroke: colour, width: 1.2, spanGaps: true, points: { show: chart.data[0].length < 4 },
            fill: chart.isFilled ? colour + '22' : undefined,
          })),
        ],
        hooks: {
          draw: [
            (plot) => {
              for (const { value, colour } of chart.thresholds) {
                if (value > plot.scales.y.max) continue;
                const y = plot.valToPos(value, 'y', true);
                plot.ctx.save();
                plot.ctx.strokeStyle = colour;
                plot.ctx.setLineDash([6, 4]);
                plot.ctx.beginPath();
                plot.ctx.moveTo(plot.bbox.left, y);
                plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
                plot.ctx.stroke();
                plot.ctx.restore();
              }
            },
          ],
        },
      },
      chart.data,
      document.getElementById(chart.element),
    );
  }
}`;
