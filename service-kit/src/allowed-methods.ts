/** Which methods each address takes, so that a wrong method is told apart from a wrong address. */
export interface AllowTable {
  add(pattern: string, methods: string | string[]): void;
  methodsOf(url: string): string[];
}

export function createAllowTable(): AllowTable {
  const rows = new Map<string, { matches: RegExp; methods: Set<string> }>();
  return {
    add(pattern, methods) {
      let row = rows.get(pattern);
      if (row === undefined) {
        row = { matches: toRegExp(pattern), methods: new Set() };
        rows.set(pattern, row);
      }
      for (const method of Array.isArray(methods) ? methods : [methods]) row.methods.add(method);
    },
    methodsOf(url) {
      const path = url.split('?', 1)[0] ?? '';
      const methods = new Set<string>();
      for (const row of rows.values()) {
        if (row.matches.test(path)) for (const method of row.methods) methods.add(method);
      }
      return [...methods].sort();
    },
  };
}

/** A route's pattern as an expression; a pattern of nothing but a wildcard names no address of its own. */
function toRegExp(pattern: string): RegExp {
  if (pattern === '*' || pattern === '/*') return /^(?!)/;
  const source = pattern
    .split('/')
    .map((part) =>
      part
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replace(/:\w+/g, '[^/]+')
        .replace(/\*/g, '.*'),
    )
    .join('/');
  return new RegExp(`^${source}/?$`);
}
