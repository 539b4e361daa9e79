import { readFileSync } from 'node:fs';

/** As much of WebAssembly as is used here: Node's own types leave it to those of browsers. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: unknown };
}

/** What `assembly/scan.ts` exports. */
export interface ScanModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Place of the body in the memory. */
  bodyAt(): number;
  maxBodyBytes(): number;
  /** Place of the results. */
  headAt(): number;
  headBytes(): number;
  entryBytes(): number;
  /** 1 when the body is plain; then the results are there. */
  scan(length: number, isBatch: 0 | 1, impliedType: number): 0 | 1;
  /** How many elements `batch` has; -1 when the body is not plain. */
  skipElements(length: number): number;
}

/** A module with a memory of its own, 5 MiB, which never grows. */
export function loadScanModule(): ScanModule {
  const bytes = readFileSync(new URL('../wasm/scan.wasm', import.meta.url));
  const { Instance, Module } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  const instance = new Instance(new Module(bytes), {
    env: {
      abort(): never {
        throw new Error('the scanner of bodies reached a place that it cannot reach');
      },
    },
  });
  return instance.exports as ScanModule;
}
