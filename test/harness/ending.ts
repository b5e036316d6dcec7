import type { StreamedChat } from './chat.ts';

/**
 * How a request ended as its client saw it. `whole`: every token and a reason for the end. `refused`: an error status
 * with a code. `cut`: an error chunk with a code, then `[DONE]`. `broken`: the connection failed, which a client notices.
 * `silent`: it looked like an end and was none; nobody would notice.
 */
export type Ending = 'whole' | 'refused' | 'cut' | 'broken' | 'silent';

export type Ended = { ending: Ending; text: string; why: string };

/** Waits for the end of a request, whatever it is. Never throws. */
export async function endingOf(request: Promise<StreamedChat>): Promise<Ended> {
  try {
    const stream = await request;
    return { ...judge(stream), text: stream.text };
  } catch (error) {
    return { ending: 'broken', why: error instanceof Error ? error.message : String(error), text: '' };
  }
}

function judge({ status, done, error, chunks }: StreamedChat): { ending: Ending; why: string } {
  const coded = typeof error?.code === 'string' && typeof error.message === 'string';
  if (status !== 200) {
    return coded
      ? { ending: 'refused', why: error.code }
      : { ending: 'silent', why: `status ${status} without a code` };
  }
  if (!done) return { ending: 'silent', why: 'the stream ended without [DONE]' };
  if (error) return coded ? { ending: 'cut', why: error.code } : { ending: 'silent', why: 'an error without a code' };
  const finished = chunks.some((chunk) => finishReasonOf(chunk) !== undefined);
  return finished ? { ending: 'whole', why: '' } : { ending: 'silent', why: 'no chunk says why the answer ended' };
}

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
