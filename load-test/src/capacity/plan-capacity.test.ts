import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capacityTable } from './capacity-table.js';
import { ASSUMED, MEASURED, planCapacity } from './plan-capacity.js';

describe('planCapacity', () => {
  it('takes as many cores as the CPU of the events, at the utilisation that is planned for', () => {
    const { cores } = planCapacity(100_000, { ...ASSUMED, utilisation: 1, storeReplicas: 1, queryShare: 0 });
    expect(cores.gateway).toBeCloseTo(MEASURED.gatewayCpuMicros / 10, 9);
    expect(cores.pipeline).toBeCloseTo(MEASURED.pipelineCpuMicros / 10, 9);
    expect(cores.clickhouse).toBeCloseTo(MEASURED.clickhouseCpuMicros / 10, 9);
  });

  it('never takes less of anything for more events', () => {
    const rates = fc.integer({ min: 1, max: 2_000_000 });
    fc.assert(
      fc.property(rates, rates, (a, b) => {
        const [less, more] = [planCapacity(Math.min(a, b)), planCapacity(Math.max(a, b))];
        expect(more.partitions).toBeGreaterThanOrEqual(less.partitions);
        expect(more.postgresNodes).toBeGreaterThanOrEqual(less.postgresNodes);
        expect(more.diskBytes.postgres).toBeGreaterThanOrEqual(less.diskBytes.postgres);
      }),
    );
  });

  it('has an even number of partitions, each within what one was measured to land', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000_000 }), (rate) => {
        const { partitions } = planCapacity(rate);
        expect(partitions % 2).toBe(0);
        expect(rate / partitions).toBeLessThanOrEqual(MEASURED.eventsPerPartition * ASSUMED.utilisation);
      }),
    );
  });

  it('refuses a rate that is none', () => {
    for (const rate of [0, -1, Number.NaN]) expect(() => planCapacity(rate)).toThrow(RangeError);
  });

  it('makes a table with a column for each rate', () => {
    const lines = capacityTable([1_000, 2_000]).split('\n');
    for (const line of lines) expect(line.split('|')).toHaveLength(5);
  });
});
