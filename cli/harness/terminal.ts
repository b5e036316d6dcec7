import { PassThrough, Readable } from 'node:stream';
import { Terminal } from '../terminal.ts';

export type CapturedTerminal = {
  terminal: Terminal;
  out: () => string;
  err: () => string;
  type: (text: string) => void;
};

/** A terminal whose streams a test reads; `input` is piped in, or typed when it is a TTY. */
export function captureTerminal(options: { input?: string; tty?: boolean; json?: boolean } = {}): CapturedTerminal {
  const typed = new PassThrough();
  const stdin =
    options.tty === true
      ? Object.assign(typed, { isTTY: true, setRawMode: () => typed })
      : Readable.from([Buffer.from(options.input ?? '')]);
  const said = { out: '', err: '' };
  const sink = (stream: keyof typeof said): PassThrough => {
    const through = new PassThrough();
    through.on('data', (chunk: Buffer) => (said[stream] += chunk.toString()));
    return through;
  };
  const terminal = new Terminal({ stdin, stdout: sink('out'), stderr: sink('err') }, options.json);
  return { terminal, out: () => said.out, err: () => said.err, type: (text) => void typed.write(text) };
}

/** Resolves once the condition holds; throws with what was said when it does not within two seconds. */
export async function until(condition: () => boolean, said: () => string): Promise<void> {
  const deadlineMs = performance.now() + 2_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen; so far: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
