/** Bounds of what one message and one batch may hold. */
export const MESSAGE_LIMITS = {
  /** One message's JSON, bytes of UTF-8 as sent. */
  messageBytes: 32 * 1024,
  /** Messages in one batch; those beyond are rejected one by one. */
  batchMessages: 2_500,
  /** Levels of objects and arrays in a message, itself being the first. */
  depth: 32,
  /** Characters of a userId, anonymousId, groupId or previousId. */
  idLength: 512,
  /** Characters of a messageId. */
  messageIdLength: 99,
  /** Characters of an event, page or screen name and of a category. */
  nameLength: 1_024,
  /** Nothing happened before this instant, milliseconds since the epoch: an earlier time is a broken clock. */
  earliestMs: Date.UTC(2000, 0, 1),
  /** How far ahead of its receipt a message may claim to have happened, once its clock is corrected, milliseconds. */
  futureMs: 24 * 60 * 60 * 1_000,
} as const;
