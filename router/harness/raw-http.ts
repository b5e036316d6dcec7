import { connect } from 'node:net';

export type RawAnswer = { status: number; headers: Record<string, string>; body: string };

/**
 * Sends bytes as they are, for what no client would send. Resolves when an answer has come as far as its headers promise,
 * or when the server closes the connection.
 */
export function sendRaw(url: string, pieces: readonly (string | Buffer)[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const parts: Buffer[] = [];
    const settle = (): void => {
      const answer = parse(Buffer.concat(parts).toString('latin1'));
      if (answer) resolve(answer);
      else reject(new Error('no answer came'));
      socket.destroy();
    };
    socket.on('data', (part) => {
      parts.push(part);
      const answer = parse(Buffer.concat(parts).toString('latin1'));
      if (answer && answer.body.length >= Number(answer.headers['content-length'] ?? Infinity)) settle();
    });
    socket.on('close', settle);
    socket.on('error', () => undefined);
    void (async () => {
      for (const piece of pieces) if (!socket.destroyed) await new Promise((done) => socket.write(piece, done));
    })();
  });
}

function parse(text: string): RawAnswer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body: text.slice(end + 4) };
}
