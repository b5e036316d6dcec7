import { SseDecoder } from '@qwenfleet/core/openai/sse';
import { seededRng, type Rng } from '@qwenfleet/core/rng';

/** How an upstream's stream comes: its pieces, and whether it ends by itself or breaks. */
export type StreamCase = {
  seed: number;
  /** What was done to it, for a person who reads of a failure. */
  words: string;
  pieces: readonly Buffer[];
  end: 'ends' | 'breaks';
};

/** Enough for no bound of a buffer between the two sides to hold it. */
const largeBytes = 1024 * 1024;

/** The stream of a seed: the same seed is the same stream, byte for byte and piece by piece. */
export function streamCase(seed: number): StreamCase {
  const rng = seededRng(seed);
  const whole = transcript(rng);
  const [damage, bytes] = damaged(whole, rng);
  const [split, pieces] = splits(bytes, rng);
  const end = rng() < 0.15 ? 'breaks' : 'ends';
  return { seed, words: `${damage}, ${split}, ${end}`, pieces, end };
}

/** Undefined when what came out is what went in, or as much of it as is whole and then an error; otherwise what is wrong. */
export function faultOf({ pieces }: Pick<StreamCase, 'pieces'>, out: Buffer): string | undefined {
  const sent = Buffer.concat([...pieces]);
  const { wholeBytes, doneBytes } = read(sent);
  if (doneBytes !== undefined) return faultOfFinished(sent, doneBytes, out);
  if (!out.subarray(0, wholeBytes).equals(sent.subarray(0, wholeBytes))) return 'its whole events did not come';
  const last = endingOf(out.subarray(wholeBytes));
  return last === undefined ? undefined : `of an unfinished stream ${wholeBytes} bytes are whole, and then ${last}`;
}

/** Like `faultOf`, for a connection that breaks: what was on its way may be lost with it, from the end, event by event. */
export function faultOfBroken({ pieces }: Pick<StreamCase, 'pieces'>, out: Buffer): string | undefined {
  const sent = Buffer.concat([...pieces]);
  if (faultOf({ pieces }, out) === undefined) return undefined;
  const same = out.findIndex((byte, at) => byte !== sent[at]);
  const { wholeBytes } = read(out.subarray(0, same === -1 ? out.length : same));
  // An error event may begin as what was sent did, so both of the last two ends are tried.
  for (const at of [wholeBytes, previousEnd(out, wholeBytes)])
    if (endingOf(out.subarray(at)) === undefined) return undefined;
  return 'it has neither its end nor an error';
}

const previousEnd = (bytes: Buffer, before: number): number =>
  read(bytes.subarray(0, Math.max(0, before - 1))).wholeBytes;

function faultOfFinished(sent: Buffer, doneBytes: number, out: Buffer): string | undefined {
  if (!out.subarray(0, doneBytes).equals(sent.subarray(0, doneBytes))) return 'the bytes up to its end are others';
  // What follows the mark may come along or not, but nothing else may.
  return sent.subarray(0, out.length).equals(out) ? undefined : 'something was added to a stream that had ended';
}

/** Undefined for one error event and the mark. */
function endingOf(bytes: Buffer): string | undefined {
  const decoder = new SseDecoder();
  const [error, done, ...more] = [...decoder.push(bytes), ...decoder.end()].map(({ data }) => data);
  if (error === undefined) return 'silence';
  if (done !== '[DONE]' || more.length > 0) return `${JSON.stringify(error).slice(0, 80)} without an end`;
  try {
    const parsed = JSON.parse(error) as { error?: { message?: unknown; code?: unknown; type?: unknown } };
    const { message, code, type } = parsed.error ?? {};
    return [message, code, type].every((field) => typeof field === 'string') ? undefined : `no error object: ${error}`;
  } catch {
    return `an event that is no JSON: ${error.slice(0, 80)}`;
  }
}

/** The slow and plain way to read what the relay reads fast. */
function read(sent: Buffer): { wholeBytes: number; doneBytes: number | undefined } {
  const text = sent.toString('latin1');
  const blank = /\n\r?\n/g;
  let from = 0;
  for (let found = blank.exec(text); found; found = blank.exec(text)) {
    const end = found.index + found[0].length;
    if (isDone(text.slice(from, end))) return { wholeBytes: end, doneBytes: end };
    from = end;
    // A line feed may end one blank line and begin the next.
    blank.lastIndex = end - 1;
  }
  if (/^data: ?\[DONE\]\s*$/.test(text.slice(from))) return { wholeBytes: sent.length, doneBytes: sent.length };
  return { wholeBytes: from, doneBytes: undefined };
}

/** A carriage return alone ends a line, too. */
const isDone = (event: string): boolean => event.split(/[\r\n]/).some((line) => /^data: ?\[DONE\]$/.test(line));

const pick = <T>(rng: Rng, from: readonly T[]): T => from[Math.floor(rng() * from.length)] as T;
const below = (rng: Rng, max: number): number => Math.floor(rng() * max);

const contents = [
  'a',
  ' the',
  '你好',
  '👋🏽',
  'ß',
  '\n',
  '\\"',
  'data: [DONE]\n\n',
  '\u0000',
  '\u2028',
  '<|im_end|>',
  '',
];

function transcript(rng: Rng): Buffer {
  const ends = rng() < 0.5 ? ['\n'] : rng() < 0.5 ? ['\r\n'] : ['\n', '\r\n'];
  const lines: string[] = [];
  const add = (line: string): void => {
    const end = pick(rng, ends);
    lines.push(line, end, rng() < 0.9 ? end : pick(rng, ends));
  };
  const large = rng() < 0.002;
  for (let count = below(rng, 8); count >= 0; count -= 1) {
    const content = large && count === 0 ? 'x'.repeat(largeBytes) : pick(rng, contents).repeat(1 + below(rng, 3));
    if (rng() < 0.1) add(': keep-alive');
    add(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })}`);
  }
  if (rng() < 0.5) add('data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}');
  add(rng() < 0.9 ? 'data: [DONE]' : 'data:[DONE]');
  return Buffer.from(lines.join(''));
}

function damaged(whole: Buffer, rng: Rng): [words: string, bytes: Buffer] {
  const kind = rng();
  const at = 1 + below(rng, whole.length - 1);
  if (kind < 0.5) return ['whole', whole];
  if (kind < 0.7) return [`cut at ${at} of ${whole.length}`, whole.subarray(0, at)];
  if (kind < 0.8) return ['without its mark', whole.subarray(0, whole.lastIndexOf('data:'))];
  if (kind < 0.88)
    return [`garbage at ${at}`, Buffer.concat([whole.subarray(0, at), garbage(rng), whole.subarray(at)])];
  if (kind < 0.94) return ['garbage at its end', Buffer.concat([whole, garbage(rng)])];
  return ['nothing but garbage', garbage(rng)];
}

function garbage(rng: Rng): Buffer {
  if (rng() < 0.3)
    return Buffer.from(pick(rng, ['\n', '\n\n', '\r', 'data: [DONE', ': x', '[DONE]\n\n', '{"error":', '\r\n\r\n']));
  return Buffer.from(Array.from({ length: 1 + below(rng, 40) }, () => below(rng, 256)));
}

function splits(bytes: Buffer, rng: Rng): [words: string, pieces: Buffer[]] {
  const kind = rng();
  if (bytes.length === 0) return ['nothing', []];
  if (kind < 0.15) return ['in one piece', [bytes]];
  if (kind < 0.3 && bytes.length < 4_096) return ['byte by byte', cutAt(bytes, [...bytes.keys()])];
  const cuts = kind < 0.65 ? 1 : 1 + below(rng, 12);
  const at = Array.from({ length: cuts }, () => below(rng, bytes.length));
  return [`split at ${at.join(' ')}`, cutAt(bytes, at)];
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...cuts, bytes.length])].toSorted((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}
