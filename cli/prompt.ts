import { Failure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** What one prompt may hold; the endpoint refuses bodies a little above it. */
export const promptBytesMax = 4 * 1024 * 1024;

/**
 * The words of the command line; a `-` among them, or no words at all, takes what is piped in.
 * Empty when there is neither. Input is never waited for otherwise: a script's standard input may stay open.
 */
export async function readPrompt(words: readonly string[], terminal: Terminal): Promise<string> {
  const given = words
    .filter((word) => word !== '-')
    .join(' ')
    .trim();
  const wantsInput = words.includes('-') || (given === '' && terminal.stdin.isTTY !== true);
  const piped = wantsInput ? (await readAll(terminal)).trim() : '';
  return [given, piped].filter((part) => part !== '').join('\n\n');
}

async function readAll(terminal: Terminal): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of terminal.stdin) {
    const buffer = Buffer.from(part as Uint8Array);
    bytes += buffer.length;
    if (bytes > promptBytesMax) {
      throw new Failure('usage', `Standard input is larger than ${promptBytesMax} bytes.`, {
        remedy: 'Send less of it, for instance: head -c 100000 FILE | qwenfleet chat "Summarise this" -',
      });
    }
    parts.push(buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}
