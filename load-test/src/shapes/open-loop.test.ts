import { describe, expect, it } from 'vitest';
import { createLatencyRecorder } from './latency.js';
import { runOpenLoop } from './open-loop.js';
import { steady } from './schedule.js';

/** A clock that stands still until everybody sleeps, and then jumps to whoever wakes first. */
function createVirtualTime() {
  let nowMs = 0;
  const sleepers: { atMs: number; wake: () => void }[] = [];
  return {
    now: () => nowMs,
    sleep: (delayMs: number) =>
      new Promise<void>((wake) => sleepers.push({ atMs: nowMs + Math.max(0, delayMs), wake })),
    /** Plays until the work is done. */
    async play<T>(work: Promise<T>): Promise<T> {
      const state = { isDone: false };
      const done = work.finally(() => (state.isDone = true));
      for (;;) {
        for (let i = 0; i < 20; i++) await Promise.resolve();
        sleepers.sort((a, b) => a.atMs - b.atMs);
        const next = state.isDone ? undefined : sleepers.shift();
        if (next === undefined) return done;
        nowMs = next.atMs;
        next.wake();
      }
    },
  };
}

describe('runOpenLoop', () => {
  it('counts the waiting of everything that was due while the server stalled', async () => {
    const time = createVirtualTime();
    const latency = createLatencyRecorder();
    const serviceTime = createLatencyRecorder();
    // 100 requests a second for two seconds, one at a time, 1 ms each; but from 0.5 s to 1.5 s the server stands still.
    const result = await time.play(
      runOpenLoop({
        schedule: steady({ eventsPerSecond: 100, durationMs: 2_000 }),
        batchSize: 1,
        maxInFlight: 1,
        latency,
        serviceTime,
        now: time.now,
        sleep: time.sleep,
        async send() {
          const stands = time.now() >= 500 && time.now() < 1_500;
          await time.sleep(stands ? 1_500 - time.now() : 1);
        },
      }),
    );
    expect(result.sent).toBe(200);
    // Of the requests as they were sent, one was slow. Of those that users made, every second one was, for up to a second.
    expect(serviceTime.summary().p99).toBeLessThan(2);
    expect(latency.summary().p50).toBeGreaterThan(30);
    expect(latency.summary().p95).toBeGreaterThan(800);
    expect(result.worstLagMs).toBeGreaterThan(900);
  });

  it('sends every request when it is due although none is answered', async () => {
    const time = createVirtualTime();
    const sentAtMs: number[] = [];
    const result = await time.play(
      runOpenLoop({
        schedule: steady({ eventsPerSecond: 10, durationMs: 1_000 }),
        batchSize: 2,
        maxInFlight: 100,
        latency: createLatencyRecorder(),
        serviceTime: createLatencyRecorder(),
        now: time.now,
        sleep: time.sleep,
        send() {
          sentAtMs.push(Math.round(time.now()));
          return time.sleep(5_000);
        },
      }),
    );
    expect(sentAtMs).toEqual([100, 300, 500, 700, 900]);
    expect(result).toMatchObject({ sent: 10, requests: 5 });
  });

  it('stops sending when the signal aborts, and waits for what is in flight', async () => {
    const abort = new AbortController();
    let answered = 0;
    const result = await runOpenLoop({
      schedule: steady({ eventsPerSecond: 1_000, durationMs: 60_000 }),
      batchSize: 1,
      maxInFlight: 8,
      latency: createLatencyRecorder(),
      serviceTime: createLatencyRecorder(),
      signal: abort.signal,
      async send(first) {
        if (first === 5) abort.abort();
        await Promise.resolve();
        answered++;
      },
    });
    expect(result.sent).toBe(answered);
    expect(result.sent).toBeLessThan(20);
  });
});
