/** A funnel by the book, one attempt after the other: what the SQL is compared with. */

export interface EvaluatedEvent {
  at: number;
  name: string;
}

export interface EvaluatedQuery {
  /** Names; null is met by every event. */
  steps: (string | null)[];
  order: 'ordered' | 'strict' | 'unordered';
  windowMs: number;
  exclusions: { name: string; after: number; before: number }[];
  mode: 'leave' | 'stop';
}

/** The times of the attempt of one person that counts; empty when there is none. */
export function evaluate(events: readonly EvaluatedEvent[], query: EvaluatedQuery): number[] {
  const { order, steps } = query;
  const seen = inOrder(events, query);
  const attempts = seen.flatMap((_event, start) => {
    const isStart =
      order === 'unordered'
        ? steps.some((_, step) => does(seen[start]!, steps[step]!))
        : does(seen[start]!, steps[0]!);
    if (!isStart) return [];
    const limit = seen[start]!.at + query.windowMs;
    const places = (
      order === 'unordered' ? matched(seen, start, steps) : followed(seen, start, query)
    ).filter((place) => seen[place]!.at <= limit);
    return [{ start, places: exclude(seen, places, limit, query) }];
  });
  const depth = Math.max(0, ...attempts.map(({ places }) => places.length));
  if (depth === 0) return [];
  const furthest = attempts.filter(({ places }) => places.length === depth);
  const first = Math.min(...furthest.map(({ places }) => places.at(-1)!));
  const candidates = furthest.filter(({ places }) => places.at(-1) === first);
  const chosen = order === 'unordered' ? candidates[0]! : candidates.at(-1)!;
  return chosen.places.map((place) => seen[place]!.at);
}

const does = (event: EvaluatedEvent, step: string | null): boolean => step === null || event.name === step;

/** Where an event stands: its instant, then what it can do. */
function keyOf(event: EvaluatedEvent, query: EvaluatedQuery): number[] {
  const done = query.steps.flatMap((step, index) => (does(event, step) ? [index] : []));
  const excluded = query.exclusions.flatMap(({ name }, index) => (name === event.name ? [index] : []));
  const bits = (places: number[]): number => places.reduce((sum, index) => sum + 2 ** index, 0);
  return [event.at, done[0] ?? (excluded.length > 0 ? -1 : 99), bits(done), bits(excluded)];
}

function compare(a: number[], b: number[]): number {
  return a.map((value, index) => value - b[index]!).find((difference) => difference !== 0) ?? 0;
}

function inOrder(events: readonly EvaluatedEvent[], query: EvaluatedQuery): EvaluatedEvent[] {
  return events
    .filter((event) => query.order === 'strict' || keyOf(event, query)[1]! < 99)
    .map((event) => ({ event, key: keyOf(event, query) }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ event }) => event);
}

function followed(
  seen: readonly EvaluatedEvent[],
  start: number,
  { steps, order }: EvaluatedQuery,
): number[] {
  const places = [start];
  for (const step of steps.slice(1)) {
    const from = places.at(-1)! + 1;
    const next =
      order === 'strict' ? from : seen.findIndex((event, place) => place >= from && does(event, step));
    if (next === -1 || next >= seen.length || !does(seen[next]!, step)) break;
    places.push(next);
  }
  return places;
}

/** Places at which a further step can be given an event of its own (augmenting paths). */
function matched(
  seen: readonly EvaluatedEvent[],
  start: number,
  steps: readonly (string | null)[],
): number[] {
  const eventOf = new Map<number, number>();
  const augment = (place: number, tried: Set<number>): boolean =>
    steps.some((step, index) => {
      if (tried.has(index) || !does(seen[place]!, step)) return false;
      tried.add(index);
      const taken = eventOf.get(index);
      if (taken !== undefined && !augment(taken, tried)) return false;
      eventOf.set(index, place);
      return true;
    });
  const places: number[] = [];
  for (let place = start; place < seen.length; place += 1) if (augment(place, new Set())) places.push(place);
  return places;
}

function exclude(
  seen: readonly EvaluatedEvent[],
  places: number[],
  limit: number,
  query: EvaluatedQuery,
): number[] {
  const { exclusions, mode } = query;
  let kept = places;
  for (const { name, after, before } of exclusions) {
    const from = places[after];
    if (from === undefined) continue;
    const hit = seen.findIndex((event, place) => place > from && event.name === name);
    if (hit === -1 || seen[hit]!.at > limit || hit >= (places[before] ?? Infinity)) continue;
    if (mode === 'leave') return [];
    kept = kept.filter((place) => place < hit);
  }
  return kept;
}
