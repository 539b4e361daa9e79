/**
 * The device whose messages keep their order: anonymousId, else userId, previousId, groupId; empty when a message has no
 * usable one.
 */
export function deviceKeyOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return '';
  const { anonymousId, userId, previousId, groupId } = message as Readonly<Record<string, unknown>>;
  return idText(anonymousId) || idText(userId) || idText(previousId) || idText(groupId);
}

/** A message's own id as text; undefined when it has none (null and an empty text are none). */
export function messageIdOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const id = idText((message as Readonly<Record<string, unknown>>)['messageId']);
  return id === '' ? undefined : id;
}

function idText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : '';
}
