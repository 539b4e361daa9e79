/** Resolves when the database takes the messages; rejects with its error when it does not. Leaves nothing behind. */
export type Attempt<T> = (messages: readonly T[]) => Promise<void>;

export interface Refusal<T> {
  message: T;
  error: Error;
}

/**
 * The messages for which the database refuses a batch, found by halving: a refused half is halved again down to its single
 * messages, so that one poisoned message among 5,000 costs some 25 attempts of shrinking size, and each message is tried
 * at most once a level however many are poisoned. Messages that are refused only together lose the later one.
 * Rejects with any error that is not about data.
 */
export async function findRefused<T>(
  messages: readonly T[],
  attempt: Attempt<T>,
  isRefusal: (error: unknown) => boolean,
): Promise<Refusal<T>[]> {
  const error = await refusalOf(messages, attempt, isRefusal);
  if (error === undefined) return [];
  if (messages.length === 1) return [{ message: messages[0]!, error }];
  const middle = messages.length >> 1;
  const refused = [
    ...(await findRefused(messages.slice(0, middle), attempt, isRefusal)),
    ...(await findRefused(messages.slice(middle), attempt, isRefusal)),
  ];
  if (refused.length > 0) return refused;
  return [await lastOfShortestRefused(messages, error, attempt, isRefusal)];
}

async function refusalOf<T>(
  messages: readonly T[],
  attempt: Attempt<T>,
  isRefusal: (error: unknown) => boolean,
): Promise<Error | undefined> {
  if (messages.length === 0) return undefined;
  try {
    await attempt(messages);
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error as Error;
    throw error;
  }
}

/** Of messages that are refused together but not by halves: the one with which the shortest refused start ends. */
async function lastOfShortestRefused<T>(
  messages: readonly T[],
  error: Error,
  attempt: Attempt<T>,
  isRefusal: (error: unknown) => boolean,
): Promise<Refusal<T>> {
  let taken = messages.length >> 1;
  let refused = messages.length;
  let reason = error;
  while (refused - taken > 1) {
    const middle = (taken + refused) >> 1;
    const found = await refusalOf(messages.slice(0, middle), attempt, isRefusal);
    if (found === undefined) {
      taken = middle;
    } else {
      refused = middle;
      reason = found;
    }
  }
  return { message: messages[refused - 1]!, error: reason };
}
