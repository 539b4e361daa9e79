import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { wait } from '../client/wait.js';
import { ENTRY_SCRIPT, type PageScripts } from './subject.js';

/** A web site whose pages have an SDK. Its origin is another than the collector's, as in life. */
export interface LabSite {
  /** A page with the SDK, started. */
  readonly pageUrl: string;
  /** A page with the SDK that, in its first task, starts it, tracks, and goes on to another page. */
  coldPageUrl(count: number): string;
  /** A page without the SDK whose first byte takes its time. */
  nextUrl(firstByteMs: number): string;
  close(): Promise<void>;
}

export interface LabSiteOptions {
  scripts: PageScripts;
  /** What pages start their SDK with. */
  settings: { url: string; host: string; writeKey: string; run: string; event: string };
}

const COLD_PAGE_FIRST_BYTE_MS = 150;

export async function startLabSite({ scripts, settings }: LabSiteOptions): Promise<LabSite> {
  function pageOf(more: string): string {
    return `<!doctype html><meta charset="utf-8"><title>A shop</title><h1>A shop</h1>
<script>window.labSettings = ${JSON.stringify(settings)};</script>
<script type="module" src="/scripts/${ENTRY_SCRIPT}"></script>
<script type="module">lab.start();${more}</script>`;
  }

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const html = (text: string): void => {
      response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' }).end(text);
    };
    const script = scripts.get(pathname.replace('/scripts/', ''));
    if (script !== undefined) {
      response
        .writeHead(200, { 'content-type': 'text/javascript', 'cache-control': 'max-age=3600' })
        .end(script);
      return;
    }
    switch (pathname) {
      case '/page':
        html(pageOf(''));
        return;
      case '/cold': {
        const count = Number(searchParams.get('count'));
        html(
          pageOf(`lab.trackMany({ count: ${count} });location.href = '/next?ms=${COLD_PAGE_FIRST_BYTE_MS}';`),
        );
        return;
      }
      case '/next':
        void wait(Number(searchParams.get('ms'))).then(() =>
          html('<!doctype html><title>Next</title><h1>The next page</h1>'),
        );
        return;
      default:
        response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    pageUrl: `${origin}/page`,
    coldPageUrl: (count) => `${origin}/cold?count=${count}`,
    nextUrl: (firstByteMs) => `${origin}/next?ms=${firstByteMs}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
