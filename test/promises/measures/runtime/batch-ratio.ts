import { streamChat, user } from '../../../harness/chat.ts';
import { startFleet } from '../../../harness/fleet.ts';
import { eightPrompts } from '../../../harness/prompts.ts';
import { showSpread, spreadOf } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';

const roundCount = 3;
/** Int4 in the demo profile, and where most prompts go. */
const pool = 'small';

/** Each round takes both ways, one after the other, so that a busy machine slows both alike. */
export async function batchRatio(): Promise<Measurement> {
  const fleet = await startFleet();
  const ask = async (content: string): Promise<string> => {
    const body = { model: pool, messages: [user(content)], temperature: 0, max_tokens: 32 };
    const { text, done, error } = await streamChat(fleet.url, body);
    if (!done || error) throw new Error(`no answer: ${error?.message ?? 'the stream broke off'}`);
    return text;
  };
  try {
    await ask('warm up');
    const ratios: number[] = [];
    for (let round = 0; round < roundCount; round += 1) {
      const alone: string[] = [];
      const aloneMs = await timed(async () => {
        for (const prompt of eightPrompts) alone.push(await ask(prompt));
      });
      let together: string[] = [];
      const togetherMs = await timed(async () => void (together = await Promise.all(eightPrompts.map(ask))));
      if (together.join('\n') !== alone.join('\n')) throw new Error('together they answer other than alone');
      ratios.push(togetherMs / aloneMs);
    }
    const spread = spreadOf(ratios);
    return { value: spread.median, details: `${roundCount} rounds: ${showSpread(spread)}` };
  } finally {
    await fleet.stop();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
