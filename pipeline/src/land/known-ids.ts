/**
 * Whether to ask which messages of a batch have landed before, ahead of writing it. Asking costs an index lookup for each
 * row. Where nobody sends again it can be spared: the primary key refuses what is known, and then it is asked after all.
 * But a COPY that is refused was for nothing, so that after a batch with known messages the next ones are asked for first.
 */
export interface KnownIdsPolicy {
  readonly asksFirst: boolean;
  /** What the batch that was landed last came to. */
  note(duplicates: number): void;
}

/** At worst one COPY in so many is for nothing. */
const CALM_BATCHES = 8;

export function createKnownIdsPolicy(): KnownIdsPolicy {
  let calmBatches = 0;
  return {
    get asksFirst() {
      return calmBatches < CALM_BATCHES;
    },
    note(duplicates) {
      calmBatches = duplicates > 0 ? 0 : calmBatches + 1;
    },
  };
}
