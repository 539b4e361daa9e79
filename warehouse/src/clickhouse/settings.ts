import type { ClickHouseSettings } from '@clickhouse/client';

/**
 * Exactly-once depends on each of these, and their defaults differ between versions, so all are said. Together with a
 * deduplication window on the events table and on every rollup table they make a repeated token change nothing anywhere.
 */
export const INSERT_SETTINGS = {
  async_insert: 0,
  wait_for_async_insert: 1,
  insert_deduplicate: 1,
  // Since 26.x this one decides, over the one before; older servers do not have it.
  deduplicate_insert: 'enable',
  deduplicate_blocks_in_dependent_materialized_views: 1,
  materialized_views_ignore_errors: 0,
  parallel_view_processing: 0,
  // One insert is one block with one token: the set of rows is never cut.
  max_insert_block_size: '1048576',
  min_insert_block_size_rows: '1048576',
  min_insert_block_size_bytes: '268435456',
  max_insert_threads: '1',
  input_format_parallel_parsing: 0,
  // A batch may hold events of any time; the number of months is no reason to refuse it.
  max_partitions_per_insert_block: '0',
  // No object a client may send is poisonous: dots in keys stay apart from nesting, and mixed types are kept.
  json_type_escape_dots_in_keys: 1,
  type_json_skip_duplicated_paths: 1,
  input_format_json_infer_array_of_dynamic_from_array_of_different_types: 1,
  input_format_json_read_numbers_as_strings: 0,
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  date_time_input_format: 'best_effort',
} as ClickHouseSettings;

/** What a server may lack without harm. */
const OPTIONAL: ReadonlySet<string> = new Set(['deduplicate_insert']);

/**
 * The insert settings as far as a server has them.
 * @throws Error when it lacks one on which exactly-once or the safety of properties depends.
 */
export function insertSettingsFor(known: ReadonlySet<string>, version: string): ClickHouseSettings {
  const missing = Object.keys(INSERT_SETTINGS).filter((name) => !known.has(name));
  const needed = missing.filter((name) => !OPTIONAL.has(name));
  if (needed.length > 0) {
    throw new Error(
      `ClickHouse ${version} is too old for Sluice: it has no ${needed.join(', ')}. Use 25.8 or newer.`,
    );
  }
  return Object.fromEntries(Object.entries(INSERT_SETTINGS).filter(([name]) => known.has(name)));
}

/** For every statement, on whichever connection, so that answers do not depend on how a server is set up. */
export const COMMON_SETTINGS: ClickHouseSettings = {
  session_timezone: 'UTC',
  output_format_json_quote_64bit_integers: 0,
  // Exact on fractions, which the other parser of JSON is not; for long whole numbers see insertableJson.
  allow_simdjson: 1,
};
