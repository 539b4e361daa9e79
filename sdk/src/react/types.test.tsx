import { describe, expectTypeOf, it } from 'vitest';
import { init } from '../browser/index.js';
import { SluiceProvider, useAnalytics, useTrack } from './index.js';

type Events = { 'Signed Up': { plan: 'free' | 'pro' }; 'Signed Out': { after?: number } };

describe('types', () => {
  it('a client of certain events goes into the provider', () => {
    expectTypeOf(init<Events>).returns.toExtend<Parameters<typeof SluiceProvider>[0]['client']>();
  });

  it('useTrack and useAnalytics take those events alone', () => {
    const useTyped = (): void => {
      const track = useTrack<Events>();
      track('Signed Up', { plan: 'pro' });
      track('Signed Out');
      // @ts-expect-error: no such plan
      track('Signed Up', { plan: 'gold' });
      // @ts-expect-error: properties are missing
      track('Signed Up');
      // @ts-expect-error: no such event
      useAnalytics<Events>().track('Signed In');
    };
    expectTypeOf(useTyped).toBeFunction();
  });

  it('a provider takes a client or settings, and not both', () => {
    const settings = { writeKey: 'k', host: 'https://h' };
    const elements = (): unknown[] => [
      <SluiceProvider settings={settings} />,
      // @ts-expect-error: neither of them
      <SluiceProvider />,
      // @ts-expect-error: both at once
      <SluiceProvider settings={settings} client={init(settings)} />,
    ];
    expectTypeOf(elements).toBeFunction();
  });
});
