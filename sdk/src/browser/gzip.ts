/** Undefined where the browser cannot. */
export const gzip =
  'CompressionStream' in globalThis
    ? (text: string): Promise<Blob> => {
        const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
        return new Response(stream).blob();
      }
    : undefined;
