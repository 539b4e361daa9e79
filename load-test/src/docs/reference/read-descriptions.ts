import type { OpenApi } from './open-api.js';

/** The descriptions that a running gateway and analytics API serve of themselves. */
export async function readDescriptions(target: {
  gatewayUrl: string;
  apiUrl: string;
}): Promise<{ gateway: OpenApi; analyticsApi: OpenApi }> {
  const read = async (url: string): Promise<OpenApi> => {
    const answer = await fetch(`${url}/openapi.json`);
    if (!answer.ok) throw new Error(`${url}/openapi.json answered ${answer.status}.`);
    return (await answer.json()) as OpenApi;
  };
  return { gateway: await read(target.gatewayUrl), analyticsApi: await read(target.apiUrl) };
}
