/** What may hold a semicolon that ends nothing: comments, strings and quoted names. Comments are left out. */
const COMMENT = /^(?:--[^\n]*|\/\*[\s\S]*?\*\/)/;
const QUOTED = /^(?:'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S])*"|`(?:[^`\\]|\\[\s\S])*`)/;
const PLAIN = /^[^-/'"`;]+|^[\s\S]/;

/** Cuts SQL into its statements, at the semicolons between them. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let statement = '';
  let rest = sql;
  const take = (pattern: RegExp): string | undefined => {
    const [found] = pattern.exec(rest) ?? [];
    if (found !== undefined) rest = rest.slice(found.length);
    return found;
  };
  while (rest !== '') {
    if (rest.startsWith(';')) {
      statements.push(statement);
      statement = '';
      rest = rest.slice(1);
    } else if (take(COMMENT) === undefined) {
      statement += take(QUOTED) ?? take(PLAIN) ?? '';
    }
  }
  statements.push(statement);
  return statements.map((text) => text.trim()).filter((text) => text !== '');
}
