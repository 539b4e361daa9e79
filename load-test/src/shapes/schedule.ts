/**
 * When load arrives, whatever the answers do. A schedule maps a number of events to the instant by which so many are
 * due; everything else follows from it.
 */
export interface Schedule {
  /** Events over the whole duration. */
  readonly total: number;
  readonly durationMs: number;
  /** When event number `n` (0-based) is due, milliseconds from the start. Never falls as `n` grows. */
  dueAt(n: number): number;
  /** For people. */
  readonly description: string;
}

/** The same number of events every second. */
export function steady(options: { eventsPerSecond: number; durationMs: number }): Schedule {
  return fromPieces(
    [{ durationMs: options.durationMs, from: options.eventsPerSecond, to: options.eventsPerSecond }],
    `steady ${options.eventsPerSecond}/s`,
  );
}

/** From one rate to another, in a straight line. */
export function ramp(options: { from: number; to: number; durationMs: number }): Schedule {
  return fromPieces([options], `ramp ${options.from}/s → ${options.to}/s`);
}

/** A base rate with a burst in the middle fifth of the time. */
export function spike(options: { eventsPerSecond: number; peak: number; durationMs: number }): Schedule {
  const { eventsPerSecond: base, peak, durationMs } = options;
  return fromPieces(
    [
      { durationMs: durationMs * 0.4, from: base, to: base },
      { durationMs: durationMs * 0.2, from: peak, to: peak },
      { durationMs: durationMs * 0.4, from: base, to: base },
    ],
    `spike ${base}/s → ${peak}/s → ${base}/s`,
  );
}

interface Piece {
  durationMs: number;
  /** Events per second at its start and its end. */
  from: number;
  to: number;
}

function fromPieces(pieces: readonly Piece[], description: string): Schedule {
  const placed: (Piece & { startMs: number; before: number; events: number })[] = [];
  let startMs = 0;
  let before = 0;
  for (const piece of pieces) {
    const events = ((piece.from + piece.to) / 2) * (piece.durationMs / 1_000);
    placed.push({ ...piece, startMs, before, events });
    startMs += piece.durationMs;
    before += events;
  }
  return {
    total: Math.floor(before + 1e-9),
    durationMs: startMs,
    description,
    dueAt(n) {
      const piece = placed.find(({ before: sum, events }) => n < sum + events) ?? placed.at(-1)!;
      return piece.startMs + timeInPiece(piece, n - piece.before);
    },
  };
}

/** Solves from·t + (to − from)·t²/(2·duration) = events for t. */
function timeInPiece({ from, to, durationMs }: Piece, events: number): number {
  const seconds = durationMs / 1_000;
  const slope = (to - from) / seconds;
  if (Math.abs(slope) < 1e-9) return from === 0 ? durationMs : (events / from) * 1_000;
  const root = Math.sqrt(Math.max(0, from * from + 2 * slope * events));
  return ((root - from) / slope) * 1_000;
}
