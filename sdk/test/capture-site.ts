import { build } from 'esbuild';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A message as it arrived. */
export interface ArrivedMessage {
  type: string;
  event?: string;
  name?: string;
  properties: Record<string, unknown>;
  context: { page: { url: string; referrer: string } } & Record<string, unknown>;
}

export interface CaptureSite {
  /** Origin of the site, on `localhost`. */
  url: string;
  /** The same server under another host, `127.0.0.1`. */
  otherUrl: string;
  /** Serves a page whose script starts the SDK with these modules. */
  serve(path: string, modules: object, body?: string): void;
  /** Forgets what has arrived so far. */
  clear(): void;
  /** What has arrived, in the order of the calls, once `enough` of it has. */
  arrived(enough: (messages: ArrivedMessage[]) => boolean): Promise<ArrivedMessage[]>;
  close(): Promise<void>;
}

export async function startCaptureSite(): Promise<CaptureSite> {
  const script = await bundlePage();
  const pages = new Map<string, string>();
  let messages: ArrivedMessage[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://site').pathname;
    if (path === '/recorded') {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        messages.push(JSON.parse(body) as ArrivedMessage);
        response.writeHead(204).end();
      });
    } else if (script.has(path)) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script.get(path));
    } else if (pages.has(path)) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(pages.get(path));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}`,
    otherUrl: `http://127.0.0.1:${port}`,
    serve(path, modules, body = '') {
      pages.set(
        path,
        `<!doctype html><title>Page ${path}</title><link rel="icon" href="data:,"><body>${body}
        <script type="module">import '/page.js'; startCapture(${JSON.stringify(modules)});</script>`,
      );
    },
    clear() {
      messages = [];
    },
    async arrived(enough) {
      const deadline = Date.now() + 20_000;
      while (!enough(messages)) {
        if (Date.now() > deadline) throw new Error(`not enough arrived: ${JSON.stringify(messages)}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return [...messages];
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Each output by the path it is served at. */
async function bundlePage(): Promise<Map<string, string>> {
  const entry = fileURLToPath(new URL('./capture-page.ts', import.meta.url));
  const { outputFiles } = await build({
    entryPoints: { page: entry },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    outdir: '/',
    write: false,
    logLevel: 'silent',
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}
