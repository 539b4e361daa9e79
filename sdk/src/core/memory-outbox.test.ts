import { createMemoryOutbox } from './memory-outbox.js';
import { describeOutbox } from './testing/outbox-contract.js';

describeOutbox('the memory', () => {
  let nowMs = 0;
  return {
    open: async (bounds) => createMemoryOutbox(bounds, () => nowMs),
    setNow: (ms) => void (nowMs = ms),
    isDurable: false,
  };
});
