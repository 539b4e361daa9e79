/** Columns of SQL, each named, that may use those before them. */
export type Columns = { name: string; sql: string }[];

/**
 * The rows of a query with more columns. Each layer is a query over the one before, so that a column is a column for those that
 * use it: within one query the engine puts an expression in the place of each mention of its name, and columns that mention
 * others twice, which mention others twice, outgrow what it accepts. Columns that use none of the newest layer join it.
 */
export function inLayers(from: string, columns: Columns): string {
  const layers: Columns[] = [];
  for (const column of columns) {
    const newest = layers.at(-1);
    if (newest === undefined || newest.some(({ name }) => mentions(column.sql, name))) layers.push([column]);
    else newest.push(column);
  }
  return layers.reduce(
    (query, layer) =>
      `select *, ${layer.map(({ name, sql }) => `${sql} as ${name}`).join(',\n      ')}\n    from (${query})`,
    from,
  );
}

/** A parameter or a variable of the same name is taken for the column, too: that costs a layer and nothing else. */
function mentions(sql: string, name: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(sql);
}
