import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { eventually, startFleet, type RunningFleet } from './fleet.ts';

type Message = { role: 'system' | 'user' | 'assistant'; content: string };

/** The same model twice: `affine` chooses replicas as pools do by default, `spread` by load alone. */
const pools = ['affine', 'spread'] as const;
export type Pool = (typeof pools)[number];

/** Places for sequences, and so for prompts that are remembered, in each replica. */
const slots = 16;
/** Prompts are compared in blocks of so many tokens. */
const blockTokens = 16;

/** A fleet of both pools with so many replicas each, on a tiny model of real arithmetic. */
export async function startBothPools(replicas: number): Promise<Pick<RunningFleet, 'url' | 'stop'>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-conversations-'));
  const checkpoint = publishedCheckpoint();
  const poolOf = (name: Pool): string => `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: ${name}}
spec:
  tier: small
  model: {uri: "file://${checkpoint}"}
  quantization: float32
  hardware: {class: cpu}
  engine: {contextLength: 256, maxConcurrency: ${slots}}
  replicas: ${replicas}
${name === 'spread' ? '  routing: {strategy: LeastLoad}\n' : ''}---`;
  const file = path.join(folder, 'fleet.yaml');
  writeFileSync(
    file,
    `${pools.map(poolOf).join('')}
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: router}
spec: {}
`,
  );
  const clear = (): void => {
    for (const made of [folder, path.dirname(checkpoint)]) rmSync(made, { recursive: true, force: true });
  };
  try {
    const fleet = await startFleet({ args: ['--fleet', file], env: { QWENFLEET_CACHE: path.join(folder, 'cache') } });
    // A pool answers with its first replica, and conversations move to one that comes later.
    await eventually(fleet.pools, (all) => all.every(({ ready }) => ready === replicas), 60_000);
    return { url: fleet.url, stop: () => fleet.stop().finally(clear) };
  } catch (error) {
    clear();
    throw error;
  }
}

export type PromptTokens = { prompt: number; cached: number };

/** Asks for a few tokens, and returns how many of the prompt's were computed before. */
export async function ask(url: string, pool: Pool, messages: readonly Message[]): Promise<PromptTokens> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: pool, messages, temperature: 0, max_tokens: 4 }),
  });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  const { usage } = (await response.json()) as {
    usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  };
  return { prompt: usage.prompt_tokens, cached: usage.prompt_tokens_details.cached_tokens };
}

const words = (count: number, rng: Rng): string =>
  Array.from({ length: count }, () => Math.floor(rng() * 1_679_616).toString(36)).join(' ');

/** What a client says in each of its turns: instructions that a few conversations share, and questions of its own. */
export function conversation(turns: number, instructions: string, rng: Rng): Message[][] {
  const said: Message[][] = [];
  let messages: Message[] = [{ role: 'system', content: instructions }];
  for (let turn = 0; turn < turns; turn += 1) {
    messages = [...messages, { role: 'user', content: words(4, rng) }];
    said.push(messages);
    messages = [...messages, { role: 'assistant', content: words(1, rng) }];
  }
  return said;
}

export type Load = { conversations: number; turns: number; programs: number; atOnce: number; seed: number };

/** Prompts of all turns, and how many of the later turns there were and found all of the prompt before them. */
export type Replayed = PromptTokens & { later: number; found: number };

/** Clients that come one after another, so many at once, each through all turns of its conversation. */
export async function replay(url: string, pool: Pool, load: Load): Promise<Replayed> {
  const rng = seededRng(load.seed);
  const instructions = Array.from({ length: load.programs }, () => words(8, rng));
  const waiting = Array.from({ length: load.conversations }, () =>
    conversation(load.turns, instructions[Math.floor(rng() * load.programs)]!, rng),
  );
  const sum = { prompt: 0, cached: 0, later: 0, found: 0 };
  const client = async (): Promise<void> => {
    for (let turns = waiting.pop(); turns; turns = waiting.pop()) {
      let before = 0;
      for (const messages of turns) {
        const { prompt, cached } = await ask(url, pool, messages);
        sum.prompt += prompt;
        sum.cached += cached;
        if (before > 0) sum.later += 1;
        if (before > 0 && cached >= before - (before % blockTokens)) sum.found += 1;
        before = prompt;
      }
    }
  };
  await Promise.all(Array.from({ length: load.atOnce }, client));
  return sum;
}
