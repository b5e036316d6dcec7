import type { JsonAnswer, StreamedChat } from './chat.ts';

/**
 * How a request ended as its client saw it. `whole`: every token and a reason for the end. `refused`: an error status
 * with a code. `cut`: an error chunk with a code, then `[DONE]`. `broken`: the connection failed, which a client notices.
 * `silent`: it looked like an end and was none; nobody would notice.
 */
export type Ending = 'whole' | 'refused' | 'cut' | 'broken' | 'silent';

export type Ended = { ending: Ending; text: string; why: string };

/** Waits for the end of a stream, whatever it is. Never throws. */
export const endingOf = (request: Promise<StreamedChat>): Promise<Ended> => watch(request, judgeStream);

/** The same of an answer that is not streamed. */
export const endingOfWhole = (request: Promise<JsonAnswer>): Promise<Ended> => watch(request, judgeWhole);

async function watch<T>(request: Promise<T>, judge: (answer: T) => Ended): Promise<Ended> {
  try {
    return judge(await request);
  } catch (error) {
    return { ending: 'broken', why: error instanceof Error ? error.message : String(error), text: '' };
  }
}

function judgeStream({ status, done, afterDone, error, chunks, text }: StreamedChat): Ended {
  const end = (ending: Ending, why = ''): Ended => ({ ending, why, text });
  if (status !== 200) return refusal(status, error);
  if (!done) return end('silent', 'the stream ended without [DONE]');
  if (afterDone > 0) return end('silent', 'something came after [DONE]');
  if (error) return isCoded(error) ? end('cut', error.code) : end('silent', 'an error without a code');
  const finished = chunks.some((chunk) => finishReasonOf(chunk) !== undefined);
  return finished ? end('whole') : end('silent', 'no chunk says why the answer ended');
}

function judgeWhole({ status, body }: JsonAnswer): Ended {
  if (status !== 200) return refusal(status, body.error);
  if (finishReasonOf(body) === undefined) return { ending: 'silent', why: 'no reason for the end', text: '' };
  // The shape is OpenAI's.
  const { choices } = body as { choices?: { message: { content: string } }[] };
  return { ending: 'whole', why: '', text: choices?.[0]?.message.content ?? '' };
}

const isCoded = (
  error: { code?: unknown; message?: unknown } | undefined,
): error is { code: string; message: string } => typeof error?.code === 'string' && typeof error.message === 'string';

const refusal = (status: number, error: { code: string; message: string } | undefined): Ended =>
  isCoded(error)
    ? { ending: 'refused', why: error.code, text: '' }
    : { ending: 'silent', why: `status ${status} without a code`, text: '' };

function finishReasonOf(chunk: Record<string, unknown>): string | undefined {
  // Chunks come from JSON.parse; the shape is OpenAI's.
  const { choices } = chunk as { choices?: { finish_reason?: string | null }[] };
  return choices?.[0]?.finish_reason ?? undefined;
}

/** How many requests ended in each way. */
export function countEndings(ended: readonly Ended[]): Record<Ending, number> {
  const counts: Record<Ending, number> = { whole: 0, refused: 0, cut: 0, broken: 0, silent: 0 };
  for (const { ending } of ended) counts[ending] += 1;
  return counts;
}
