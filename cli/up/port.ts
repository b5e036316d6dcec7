import { createServer } from 'node:net';
import { Failure } from '../failure.ts';

/** Throws when something else listens there already; port 0 is always free. */
export async function assertPortFree(port: number, host = '127.0.0.1'): Promise<void> {
  const problem = await tryPort(port, host);
  if (problem === undefined) return;
  if (problem.code === 'EACCES') {
    throw new Failure('failed', `Port ${port} needs more rights than this user has.`, {
      remedy: 'Take one above 1023: --port 8080',
      cause: problem,
    });
  }
  throw new Failure('failed', `Port ${port} is taken: another program listens there.`, {
    remedy: `Take another one: --port ${port === 65535 ? 8080 : port + 1}`,
    cause: problem,
  });
}

function tryPort(port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
