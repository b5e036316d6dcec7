import type { Socket } from 'node:net';

/** How a client begins that knows without asking that HTTP/2 is spoken here; no method of HTTP/1 is called so. */
const preface = Buffer.from('PRI * HTTP/2.0');

/**
 * Looks at the first bytes of a connection, puts them back, and says whether they are HTTP/2's. A client that sends
 * nothing for `silentMs` is left.
 */
export function whenHttp2(socket: Socket, silentMs: number, take: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const onSilence = (): void => void socket.destroy();
  const onError = (): void => void socket.destroy();
  const onData = (bytes: Buffer): void => {
    seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
    const begins = seen.subarray(0, preface.length).equals(preface.subarray(0, seen.length));
    if (begins && seen.length < preface.length) return;
    socket.off('data', onData).off('timeout', onSilence).off('error', onError);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(seen);
    take(begins);
    if (!begins) socket.resume();
  };
  socket.setTimeout(silentMs).on('timeout', onSilence).on('error', onError).on('data', onData);
}
