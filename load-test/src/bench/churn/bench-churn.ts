import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judgeCdnow, type CdnowResult } from './judge-cdnow.js';
import { measureMillion, type MillionResult } from './measure-million.js';
import { readCdnow } from './read-cdnow.js';

export interface ChurnResult extends CdnowResult {
  /** The file the figures above are of. */
  file: string;
  /** The same of the other files. */
  others: (CdnowResult & { file: string })[];
  million: MillionResult;
  /** What is not as it should be, in words. */
  failed: string[];
}

/** Published fits of the sample (Fader, Hardie & Lee 2005), and of MBG/NBD its log-likelihood alone. */
const PUBLISHED = {
  people: 2_357,
  bgnbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426, logLikelihood: -9_582.4 },
  paretoNbd: { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669, logLikelihood: -9_595.0 },
} as const;

const WORST_ECE = 0.06;

/**
 * Churn on purchases that really happened, and at the size of a large project.
 *
 * @param data directory with CDNOW_sample.txt, CDNOW_master.txt or both; or one such file
 */
export async function benchChurn(options: {
  data: string;
  people?: number;
  onProgress: (text: string) => void;
}): Promise<ChurnResult> {
  const { data, people = 1_000_000, onProgress } = options;
  // First, so that its peak of memory is its own.
  const million = measureMillion(people, onProgress);
  const results: (CdnowResult & { file: string })[] = [];
  for (const file of await filesOf(data)) {
    onProgress(`${file.name} is judged`);
    results.push({ file: file.name, ...judgeCdnow(readCdnow(await readFile(file.path, 'utf8'))) });
  }
  const [first, ...others] = results;
  return { ...first!, others, million, failed: results.flatMap(faultsOf) };
}

/** The sample before others. */
async function filesOf(data: string): Promise<{ name: string; path: string }[]> {
  const isCdnow = (name: string): boolean => /^cdnow.*\.(txt|csv)$/i.test(name);
  let names: string[];
  try {
    names = await readdir(data);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
    return [{ name: data.split('/').at(-1)!, path: data }];
  }
  const found = names.filter(isCdnow).sort((one, other) => rank(one) - rank(other));
  if (found.length === 0) throw new Error(`There is no CDNOW_sample.txt or CDNOW_master.txt in ${data}.`);
  return found.map((name) => ({ name, path: join(data, name) }));
}

function rank(name: string): number {
  return /sample/i.test(name) ? 0 : 1;
}

function faultsOf(result: CdnowResult & { file: string }): string[] {
  const faults: string[] = [];
  if (result.auc === null || result.recencyAuc === null || result.auc <= result.recencyAuc) {
    faults.push(`${result.file}: recency alone orders people as well.`);
  }
  if (result.ece > WORST_ECE)
    faults.push(`${result.file}: probabilities are off by ${result.ece.toFixed(3)}.`);
  if (result.people !== PUBLISHED.people) return faults;
  for (const model of ['bgnbd', 'paretoNbd'] as const) {
    for (const [name, published] of Object.entries(PUBLISHED[model])) {
      const ours = (result[model] as unknown as Record<string, number>)[name]!;
      const isNear = Math.abs(ours - published) <= (name === 'logLikelihood' ? 0.1 : 0.001);
      if (!isNear) faults.push(`${result.file}: ${model} ${name} is ${ours}, published is ${published}.`);
    }
  }
  return faults;
}
