/**
 * Where things lie in the module's memory. `src/scan-module.ts` reads them by the same numbers, which the module exports.
 *
 * Head, written by `scan`:
 *
 *     i32 count of messages
 *     i32 start, i32 end of the body's own `writeKey`, without quotes; 0, 0 when there is none
 *     i32 start, i32 end of the first `writeKey` in a message of a batch; 0, 0 when there is none
 *     i32 start, i32 end of the value of the body's `sentAt`, with quotes; 0, 0 when there is none
 *     f64 `sentAt` of a batch in milliseconds since the epoch, at byte 32; NaN when there is none
 *
 * Then an entry of 64 bytes for each message:
 *
 *     i32 start, i32 end of the message
 *     i32 type: 1 to 6 as in TYPES; 0 when the message names none
 *     i32 flags
 *     i32 start, i32 end of the id of its device, without quotes
 *     f64 timestamp, f64 originalTimestamp, f64 sentAt in milliseconds since the epoch; NaN when there is none
 *     i32 start, i32 end of the event's name, without quotes; 0, 0 when the message is no track message
 *     i32 start, i32 end of the properties; 0, 0 when there are none
 *
 * All positions count from the beginning of the body.
 */
export const HEAD: usize = 65_536;
export const HEAD_BYTES: usize = 40;
export const ENTRIES: usize = HEAD + HEAD_BYTES;
export const ENTRY_BYTES: usize = 64;
export const MAX_MESSAGES: i32 = 2_500;
/** Aligned, and behind the last entry. */
export const BODY: usize = 262_144;
/** Reads go up to 16 bytes beyond a body; what lies there must not be part of one. */
export const PADDING: usize = 32;
export const MAX_BODY_BYTES: usize = 80 * 65_536 - BODY - PADDING;

export const HAS_MESSAGE_ID: i32 = 1;
/** The device is the one of the message before. */
export const SAME_DEVICE: i32 = 2;
/** The message carries a write key of its own. */
export const HAS_WRITE_KEY: i32 = 4;
