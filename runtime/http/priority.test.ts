import { describe, expect, it } from 'vitest';
import type { ChatCompletion } from '@qwenfleet/core/openai/response';
import { metricOf, serve, type Served } from '../fixtures/served.ts';

const path = '/v1/chat/completions';
const asked = (fields: object = {}): object => ({
  model: 'tiny',
  messages: [{ role: 'user', content: 'tell me a long story of a fox' }],
  max_tokens: 80,
  temperature: 1,
  seed: 5,
  frequency_penalty: 0.5,
  // No token ends the answer by itself.
  logit_bias: { 27: -100 },
  logprobs: true,
  ...fields,
});

const preemptionsOf = (served: Served): Promise<number | undefined> =>
  metricOf(served, 'qwenfleet_runtime_preemptions_total');

async function answerOf(response: Response): Promise<Pick<ChatCompletion, 'choices' | 'usage'>> {
  const { choices, usage } = (await response.json()) as ChatCompletion;
  return { choices, usage };
}

describe('the priority of a request', () => {
  it('lets it overtake one that is being answered, whose answer stays the same', async () => {
    const alone = await serve({ slots: 1 });
    const whole = await answerOf(await alone.send(path, asked()));
    const text = whole.choices[0]?.message.content ?? '';
    // Ends after some forty of the eighty tokens.
    const stop = text.slice(40, 43);
    for (const fields of [{}, { stop }]) {
      const wanted = await answerOf(await (await serve({ slots: 1 })).send(path, asked(fields)));
      const served = await serve({ slots: 1 });
      const order: string[] = [];
      const first = served.send(path, asked(fields)).finally(() => order.push('first'));
      await expect.poll(() => served.engine.stats().kvTokens, { interval: 1 }).toBeGreaterThan(0);
      await served.send(path, asked({ priority: -5, max_tokens: 2 })).finally(() => order.push('urgent'));
      expect(await answerOf(await first)).toEqual(wanted);
      expect(order).toEqual(['urgent', 'first']);
      expect(await preemptionsOf(served)).toBe(1);
    }
  });

  it('changes nothing among equals', async () => {
    const served = await serve({ slots: 1 });
    const order: number[] = [];
    const all = [0, 1, 2].map((at) =>
      served.send(path, asked({ priority: 3, max_tokens: 5 })).finally(() => order.push(at)),
    );
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2]);
    expect(await preemptionsOf(served)).toBe(0);
  });

  it.each([1.5, '1', true, 1e300])('is refused when it is %j, with what it may be', async (priority) => {
    const { send } = await serve();
    for (const body of [asked({ priority }), { model: 'tiny', prompt: 'x', priority }]) {
      const response = await send('prompt' in body ? '/v1/completions' : path, body);
      expect(response.status).toBe(400);
      const { error } = (await response.json()) as { error: { param: string; message: string } };
      expect(error.param).toBe('priority');
      expect(error.message).toMatch(
        /^priority: priority must be a whole number: smaller goes first, and 0 is the default, got /,
      );
    }
  });
});
