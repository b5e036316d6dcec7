import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamChat, user } from '../harness/chat.ts';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';
import { eightPrompts } from '../harness/prompts.ts';

const prompts = eightPrompts;

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(async () => {
  await fleet.stop();
});

describe.each(['small', 'medium', 'large'])('eight streams at once on the %s pool', (model) => {
  it('carry the same tokens as each alone', async () => {
    const ask = (content: string): ReturnType<typeof streamChat> =>
      streamChat(fleet.url, { model, messages: [user(content)], temperature: 0, max_tokens: 24 });
    await ask('warm up');
    const aloneStartMs = performance.now();
    const alone: string[] = [];
    for (const prompt of prompts) alone.push((await ask(prompt)).text);
    const aloneMs = performance.now() - aloneStartMs;
    const togetherStartMs = performance.now();
    const together = await Promise.all(prompts.map(ask));
    const togetherMs = performance.now() - togetherStartMs;
    process.stdout.write(
      `${model}: alone ${aloneMs.toFixed(0)} ms, together ${togetherMs.toFixed(0)} ms, ratio ${(togetherMs / aloneMs).toFixed(2)}\n`,
    );
    expect(together.map((stream) => stream.text)).toEqual(alone);
    expect(together.every((stream) => stream.done)).toBe(true);
  });

  it('carry the same tokens when they are drawn at random with a seed', async () => {
    const ask = (content: string): ReturnType<typeof streamChat> =>
      streamChat(fleet.url, {
        model,
        messages: [user(content)],
        temperature: 0.9,
        top_p: 0.95,
        seed: 7,
        max_tokens: 16,
      });
    const alone: string[] = [];
    for (const prompt of prompts.slice(0, 3)) alone.push((await ask(prompt)).text);
    const together = await Promise.all(prompts.slice(0, 3).map(ask));
    expect(together.map((stream) => stream.text)).toEqual(alone);
  });
});
