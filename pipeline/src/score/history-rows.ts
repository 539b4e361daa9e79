/**
 * A person's history as ClickHouse answers it in its RowBinary format: UInt64 `person`, then ten Float32, which are the fields
 * of a history and the days to the next active one (0: none seen).
 */
export const HISTORY_ROW_BYTES = 8 + 10 * 4;
