import { SluiceError } from '@sluice/contracts';
import type { KeyStore } from '@sluice/service-kit';
import type { FastifyRequest } from 'fastify';
import { authenticate } from '../auth/authenticate.js';

/**
 * What Segment's SDKs ask for when they start: that events go here, and that nothing else is to be loaded. The SDKs want
 * `apiHost` without a scheme and with `/v1`.
 * @throws SluiceError as `authenticate`
 */
export async function readSdkSettings(
  keys: KeyStore,
  request: FastifyRequest<{ Params: { writeKey: string } }>,
  publicUrl: string | undefined,
): Promise<Record<string, unknown>> {
  const { writeKey } = request.params;
  await authenticate(keys, [{ source: 'body', key: writeKey }], request.headers.origin);
  const { protocol, host } = addressOf(request, publicUrl);
  return {
    integrations: {
      'Segment.io': {
        apiKey: writeKey,
        apiHost: `${host}/v1`,
        protocol,
        addBundledMetadata: true,
        unbundledIntegrations: [],
      },
    },
    plan: { track: { __default: { enabled: true, integrations: {} } } },
    edgeFunction: {},
    analyticsNextEnabled: true,
    enabledMiddleware: {},
    remotePlugins: [],
    // SDKs send metrics of themselves to the vendor unless they are told not to.
    metrics: { sampleRate: 0, host: `${host}/v1` },
  };
}

function addressOf(
  request: FastifyRequest,
  publicUrl: string | undefined,
): { protocol: string; host: string } {
  if (publicUrl !== undefined) {
    const { protocol, host, pathname } = new URL(publicUrl);
    return { protocol: protocol.slice(0, -1), host: `${host}${pathname.replace(/\/+$/, '')}` };
  }
  if (!/^[\w.:[\]-]+$/.test(request.host)) {
    throw new SluiceError('invalid_request', { message: 'The Host header is not usable.', field: 'host' });
  }
  return { protocol: request.protocol, host: request.host };
}
