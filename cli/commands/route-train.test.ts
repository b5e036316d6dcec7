import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { captureTerminal } from '../harness/terminal.ts';
import { run } from '../program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'route-train-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);
const labels = at('labels.jsonl');
writeFileSync(
  labels,
  Array.from({ length: 200 }, (_, number) =>
    JSON.stringify({
      task: number % 2 === 0 ? 'refund' : 'proof',
      prompt: number % 2 === 0 ? `Where is refund ${number}?` : `Prove lemma ${number} about primes.`,
      scores: { 'qwen-7b': number % 2 === 0 ? 1 : 0, large: 1 },
    }),
  ).join('\n'),
);
const pool = ['--pool', 'qwen-7b=small'];

describe('qwenfleet route', () => {
  it('train writes a model and says what it is expected to bring', async () => {
    const { code, out } = await qwenfleet(['route', 'train', labels, ...pool, '--out', at('model.json')]);
    expect(code).toBe(0);
    expect(out).toMatch(/trained on your labels +\d\.\d{3} \(/);
    expect(out).toContain('Trained on 200 labels');
    expect(JSON.parse(readFileSync(at('model.json'), 'utf8'))).toMatchObject({ version: 2 });
  });

  it('eval compares it with the shipped model and with length, by task too', async () => {
    const { code, out } = await qwenfleet(['route', 'eval', labels, ...pool, '--model', at('model.json'), '--json']);
    expect(code).toBe(0);
    const said = JSON.parse(out) as { worth: object; tasks: { task: string }[] };
    expect(Object.keys(said.worth)).toEqual(['model', 'shipped', 'length']);
    expect(said.tasks.map(({ task }) => task)).toEqual(['proof', 'refund']);
  });

  it('explain says what the file makes of a prompt, without an endpoint', async () => {
    const asked = ['route', 'explain', '--weights', at('model.json'), 'Prove that 2 is prime.'];
    const { code, out } = await qwenfleet(asked);
    expect(code).toBe(0);
    expect(out).toMatch(/small +\d+ %/);
    expect(out).toMatch(/proof: -/);
  });

  it.each([
    ['a pool of unknown tier', ['train', labels], /line 1: scores\.qwen-7b: not a tier/],
    ['a pool that is no pair', ['train', labels, '--pool', 'qwen'], /--pool qwen is not NAME=TIER/],
    ['a model file that is not there', ['eval', labels, ...pool, '--model', at('no.json')], /no\.json cannot be read/],
    ['a model file that is none', ['eval', labels, ...pool, '--model', labels], /labels\.jsonl is not JSON/],
    ['a seed that is none', ['train', labels, '--seed', 'x'], /A seed is a whole number/],
  ])('refuses %s as a mistake of usage', async (_, args, message) => {
    const { code, err } = await qwenfleet(['route', ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

async function qwenfleet(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { terminal, out, err } = captureTerminal();
  const code = await run(args, terminal);
  return { code, out: out(), err: err() };
}
