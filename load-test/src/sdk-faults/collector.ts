import { corsHeaders, type Answer, type Upstream } from './fault-proxy.js';

/**
 * A server that takes events of any of the peers: it says yes in the words each of them reads. What they sent is counted
 * by the proxy in front of it.
 */
export function startCollector(): Upstream {
  return {
    async exchange({ method, path, headers }): Promise<Answer> {
      if (method === 'OPTIONS') return { status: 204, headers: corsHeaders(headers), body: Buffer.alloc(0) };
      return {
        status: 200,
        headers: { ...corsHeaders(headers), 'content-type': 'application/json' },
        body: Buffer.from(answerTo(path)),
      };
    },
    async close() {
      // It holds nothing.
    },
  };
}

function answerTo(path: string): string {
  const [address = ''] = path.split('?');
  if (address.endsWith('/api/event')) return 'ok';
  if (address.includes('/flags')) return '{"featureFlags":{},"errorsWhileComputingFlags":false}';
  return '{"success":true,"status":1,"ok":true,"code":200,"error":null}';
}
