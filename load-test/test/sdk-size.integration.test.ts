import { beforeAll, describe, expect, it } from 'vitest';
import { AUTOCAPTURE_MODULES, BUDGETS, measureSdkSizes, type SdkSizes } from '../src/bench/sdk-size.js';

describe('the SDK in a page', () => {
  let sizes: SdkSizes;
  beforeAll(async () => {
    sizes = await measureSdkSizes();
  });

  it('takes no more than its budget for init and track', () => {
    expect(sizes.coreGzip).toBeLessThanOrEqual(BUDGETS.core);
    // Anything near nothing would be a bundle without the SDK.
    expect(sizes.coreGzip).toBeGreaterThan(BUDGETS.core / 2);
  });

  it.each(AUTOCAPTURE_MODULES)('takes no more than the budget of a module for %s', (name) => {
    expect(sizes.modules[name]).toBeLessThanOrEqual(BUDGETS.module);
    expect(sizes.modules[name]).toBeGreaterThan(0);
  });

  it('loads web vitals later, and nothing else', () => {
    expect(Object.keys(sizes.lazy)).toEqual(['webVitals']);
  });
});
