import { build } from 'esbuild';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../../gateway/test/start-gateway.js';
import type { CapturePageSettings } from './capture-page.js';

/** A message as it arrived. */
export interface ArrivedMessage {
  messageId: string;
  type: string;
  event?: string;
  name?: string;
  userId?: string;
  properties: Record<string, unknown>;
  context: { page: { url: string; referrer: string } } & Record<string, unknown>;
}

export interface CaptureSite {
  /** Origin of the site, on `localhost`. */
  url: string;
  /** The same server under another host, `127.0.0.1`. */
  otherUrl: string;
  /** Origin of a real gateway, and a write key of it. */
  gatewayUrl: string;
  writeKey: string;
  /** Serves a page whose script starts the SDK with these modules. */
  serve(path: string, modules: CapturePageSettings['capture'], body?: string): void;
  /** Serves any text. */
  serveText(path: string, contentType: string, text: string): void;
  /** Forgets what has arrived so far, and what is still to come of pages served so far. */
  clear(): Promise<void>;
  /**
   * What the gateway has accepted, in the order of the calls, once `enough` of it is there.
   * @throws Error when the gateway has rejected any of it
   */
  arrived(enough: (messages: ArrivedMessage[]) => boolean): Promise<ArrivedMessage[]>;
  close(): Promise<void>;
}

/** A website on a server of its own, and the gateway that its events go to. */
export async function startCaptureSite(postgresUrl: string): Promise<CaptureSite> {
  const gateway = await startGateway({ postgresUrl });
  const gatewayUrl = `http://localhost:${await gateway.listen()}`;
  const { writeKey } = gateway;
  const files = new Map<string, { contentType: string; text: string }>();
  for (const [path, text] of await bundlePage()) files.set(path, { contentType: 'text/javascript', text });
  const server = createServer((request, response) => {
    const file = files.get(new URL(request.url!, 'http://site').pathname);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': `${file.contentType}; charset=utf-8` }).end(file.text);
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  let since = await gateway.log.endOffsets();
  let run = 0;

  async function readArrived(): Promise<ArrivedMessage[]> {
    const records = await gateway.readLog(since);
    const messages = records.flatMap(({ meta, text }) => {
      if (meta.kind === 'rejected') throw new Error(`rejected: ${meta.message} ${text}`);
      return (JSON.parse(text) as { batch: ArrivedMessage[] }).batch;
    });
    const ofThisRun = messages.filter(({ context }) => (context['run'] ?? run) === run);
    // Ids begin with the time of the call.
    return ofThisRun.sort((a, b) => (a.messageId < b.messageId ? -1 : 1));
  }

  return {
    url: `http://localhost:${port}`,
    otherUrl: `http://127.0.0.1:${port}`,
    gatewayUrl,
    writeKey,
    serve(path, capture, body = '') {
      const settings: CapturePageSettings = { host: gatewayUrl, writeKey, run, capture };
      files.set(path, {
        contentType: 'text/html',
        text: `<!doctype html><title>Page ${path}</title><link rel="icon" href="data:,"><body>${body}
        <script type="module">import '/page.js'; startCapture(${JSON.stringify(settings)});</script>`,
      });
    },
    serveText(path, contentType, text) {
      files.set(path, { contentType, text });
    },
    async clear() {
      run++;
      since = await gateway.log.endOffsets();
    },
    async arrived(enough) {
      const deadline = Date.now() + 40_000;
      for (;;) {
        const messages = await readArrived();
        if (enough(messages)) return messages;
        if (Date.now() > deadline) throw new Error(`not enough arrived: ${JSON.stringify(messages)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await gateway.close();
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
    conditions: ['sluice-source'],
    outdir: '/',
    write: false,
    logLevel: 'silent',
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}
