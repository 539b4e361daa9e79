import { createServer } from 'node:net';

/** Rejects with a text for people when nothing can listen on the port. */
export async function requireFreePort(host: string, port: number, flag: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') {
      throw new Error(`Port ${port} is taken. Stop what listens there, or choose another with ${flag}.`, {
        cause: error,
      });
    }
    if (code === 'EACCES')
      throw new Error(`Port ${port} may not be used by this user; choose another with ${flag}.`, {
        cause: error,
      });
    throw error;
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
