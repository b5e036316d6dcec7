import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamChat, user, type StreamedChat } from '../harness/chat.ts';
import { eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { descendants } from '../harness/processes.ts';

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(async () => {
  await fleet.stop();
});

/** The runtime process that serves a pool: its rendered configuration carries the pool's name. */
function runtimeOf(pool: string): number {
  const found = descendants(fleet.process.pid ?? 0).find(
    (entry) => entry.command.includes('runtime/main.ts') && new RegExp(`[/-]${pool}[-.]`).test(entry.command),
  );
  if (!found) throw new Error(`no runtime of ${pool} is running`);
  return found.pid;
}

const ask = (model: string, tokens: number, content = 'Tell me a long story about the sea.'): Promise<StreamedChat> =>
  streamChat(fleet.url, { model, messages: [user(content)], temperature: 0, max_tokens: tokens });

describe('kill -9 of a runtime under load', () => {
  it('loses no request, cuts no stream in silence, and the pool is back', async () => {
    await eventually(fleet.pools, (pools) => pools.every((pool) => pool.ready > 0), 60_000);
    const victim = runtimeOf('small');
    // More than the pool answers at once, so that some wait without a first byte when it dies.
    const streams = Array.from({ length: 14 }, (_, index) => ask('small', 100, `Tell me story number ${index}.`));
    await eventually(
      fleet.pools,
      (pools) => pools.some((pool) => pool.name === 'small' && pool.inFlight > 0),
      10_000,
      10,
    );
    await new Promise((resolve) => setTimeout(resolve, 700));
    const killedMs = performance.now();
    process.kill(victim, 'SIGKILL');
    const ended = await Promise.all(streams);
    for (const stream of ended) {
      expect(stream.done).toBe(true);
      if (stream.error) expect(stream.error.code).toMatch(/upstream|pool/);
      else expect(stream.text.length).toBeGreaterThan(0);
    }
    const whole = ended.filter((stream) => !stream.error);
    const cut = ended.filter((stream) => stream.error);
    expect(whole.length).toBeGreaterThan(0);
    expect(cut.every((stream) => stream.chunks.length > 1)).toBe(true);
    const pools = await eventually(
      fleet.pools,
      (seen) => seen.some((pool) => pool.name === 'small' && pool.ready > 0),
      20_000,
    );
    process.stdout.write(
      `killed: ${whole.length} answered, ${cut.length} cut with an error chunk, all over after ${Math.round(performance.now() - killedMs)} ms\n`,
    );
    expect(pools.find((pool) => pool.name === 'small')?.inFlight).toBe(0);
    expect(runtimeOf('small')).not.toBe(victim);
    expect((await ask('small', 4)).done).toBe(true);
  });
});

describe('kill -9 of the router', () => {
  it('brings it back on the same port, with its pools', async () => {
    const router = descendants(fleet.process.pid ?? 0).find((entry) => entry.command.includes('router/main.ts'));
    process.kill(router?.pid ?? 0, 'SIGKILL');
    await eventually(
      async () => {
        try {
          return (await ask('medium', 4)).done;
        } catch {
          return false;
        }
      },
      Boolean,
      15_000,
      200,
    );
  });
});
