import { streamChat, user, type StreamedChat } from '../harness/chat.ts';
import { endingOf } from '../harness/ending.ts';
import { eightPrompts } from '../harness/prompts.ts';

export type Burst = { url: string; model: string; streams: number; tokensMax: number };

/** What so many streams at once got. */
export type BurstResult = {
  requests: number;
  failures: number;
  tokens: number;
  /** From the request to the first text, one for each stream that had any. */
  firstTokenMs: number[];
  /** All streams together, from the first request to the last end. */
  tokensPerSecond: number;
};

/** Sends the streams at the same moment and reads each to its end. */
export async function takeBurst({ url, model, streams, tokensMax }: Burst): Promise<BurstResult> {
  const startedMs = performance.now();
  const firstTokenMs: number[] = [];
  let tokens = 0;
  const endings = await Promise.all(
    Array.from({ length: streams }, (_, index) => {
      let begun = false;
      const onText = (): void => {
        if (!begun) firstTokenMs.push(performance.now() - startedMs);
        begun = true;
      };
      const body = {
        model,
        messages: [user(eightPrompts[index % eightPrompts.length] ?? '')],
        temperature: 0,
        max_tokens: tokensMax,
        stream_options: { include_usage: true },
      };
      const stream = streamChat(url, body, undefined, onText);
      return endingOf(stream.then((answer) => ((tokens += tokensOf(answer)), answer)));
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const failures = endings.filter(({ ending }) => ending !== 'whole').length;
  return { requests: streams, failures, tokens, firstTokenMs, tokensPerSecond: tokens / seconds };
}

function tokensOf({ chunks }: StreamedChat): number {
  // Chunks come from JSON.parse; the shape is OpenAI's.
  const usages = chunks.flatMap((chunk) => (chunk as { usage?: { completion_tokens: number } | null }).usage ?? []);
  return usages.at(-1)?.completion_tokens ?? 0;
}
