/** People a model is trained on at most; a sample of more is no better a model. */
export const TRAINING_PEOPLE = 200_000;

/** Share of `people` to train on, so that about `TRAINING_PEOPLE` remain. */
export function trainingShare(people: number, limit = TRAINING_PEOPLE): number {
  return people <= limit ? 1 : limit / people;
}

/** Hash of an id to 32 bits (FNV-1a, finished as in MurmurHash3): the same person falls into the same sample each time. */
export function keyOfPerson(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Whether a person of this key belongs to a sample of this share of everybody. */
export function isSampled(key: number, share: number): boolean {
  return key < share * 2 ** 32;
}
