import { SluiceError } from '@sluice/contracts';
import { Histogram, type Registry } from 'prom-client';
import type { RunQuery } from './run-query.js';

/** Creates what wraps a RunQuery so that every question is timed, by its name and outcome. */
export function createQueryMetrics(registry: Registry): <P>(store: string, run: RunQuery<P>) => RunQuery<P> {
  const seconds = new Histogram({
    name: 'sluice_query_seconds',
    help: 'Time of a question to a store.',
    labelNames: ['store', 'question', 'outcome'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  return (store, run) => async (question, limits) => {
    const stop = seconds.startTimer({ store, question: question.name });
    try {
      const rows = await run(question, limits);
      stop({ outcome: 'ok' });
      return rows;
    } catch (error) {
      stop({ outcome: error instanceof SluiceError ? error.code : 'internal_error' });
      throw error;
    }
  };
}
