import { systemClock, type Clock } from '@qwenfleet/core/clock';
import { streamAnswer } from '../chat/answer.ts';
import { Conversation, speak } from '../chat/conversation.ts';
import type { FleetClient } from '../client.ts';
import { Failure, type Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { readPrompt } from '../prompt.ts';

export type ChatOptions = { client: FleetClient; terminal: Terminal; model: string; clock?: Clock };

/** One question when there is one (argument, piped input or both), a conversation otherwise. */
export async function chat(words: readonly string[], options: ChatOptions): Promise<Exit> {
  const { client, terminal, model } = options;
  const clock = options.clock ?? systemClock;
  const prompt = await readPrompt(words, terminal);
  if (prompt === '') {
    if (!terminal.json && terminal.stdin.isTTY === true)
      return new Conversation({ client, terminal, clock, model }).run();
    throw new Failure('usage', 'There is no question.', { remedy: 'Give one: chat "What is the capital of France?"' });
  }
  const question = { model, messages: [{ role: 'user' as const, content: prompt }] };
  const abort = new AbortController();
  const onInterrupt = (): void => abort.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const answer = terminal.json
      ? await streamAnswer(client, question, { clock, signal: abort.signal })
      : await speak({ client, terminal, clock }, question, abort.signal);
    if (terminal.json) terminal.printJson(answer);
    return answer.stopped ? 'interrupted' : 'ok';
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
