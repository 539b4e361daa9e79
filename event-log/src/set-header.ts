/** A header named `__proto__` must become a property like any other. */
export function setHeader(headers: Record<string, string>, name: string, value: string): void {
  if (name === '__proto__') {
    Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    headers[name] = value;
  }
}
