import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishedCheckpoint } from '../harness/checkpoints.ts';
import { post, streamChat, user } from '../harness/chat.ts';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';
import { serveHub, type Hub } from '../harness/hub.ts';

const fleetFile = `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: tiny}
spec:
  tier: small
  model: {uri: "hf://Qwen/Tiny", servedName: tiny-qwen3, aliases: [tiny-latest]}
  quantization: float32
  hardware: {class: cpu, count: 1}
  engine: {maxConcurrency: 4, contextLength: 200}
`;

let fleet: RunningFleet;
let hub: Hub;
const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-hub-'));
beforeAll(async () => {
  hub = await serveHub('Qwen/Tiny', publishedCheckpoint());
  const file = path.join(folder, 'fleet.yaml');
  writeFileSync(file, fleetFile);
  fleet = await startFleet({
    args: ['--fleet', file],
    env: { HF_ENDPOINT: hub.url, HF_HOME: path.join(folder, 'hf') },
  });
});
afterAll(async () => {
  await fleet?.stop();
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a Qwen3 checkpoint from a hub', () => {
  it.each(['tiny', 'tiny-qwen3', 'tiny-latest', 'auto'])(
    'answers by the name %s, the same each time',
    async (model) => {
      const ask = () => streamChat(fleet.url, { model, messages: [user('hello')], temperature: 0, max_tokens: 16 });
      const [first, second] = [await ask(), await ask()];
      expect(first.status).toBe(200);
      expect(first.done).toBe(true);
      expect(second.text).toBe(first.text);
      expect(first.headers.get('x-qwenfleet-pool')).toBe('tiny');
    },
  );

  it('completes texts too', async () => {
    const answer = await post(`${fleet.url}/v1/completions`, {
      model: 'tiny',
      prompt: 'once upon a time',
      max_tokens: 8,
      temperature: 0,
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ object: 'text_completion', usage: { completion_tokens: 8 } });
  });

  it('was pulled once, although two processes wanted it', () => {
    expect(hub.seen.filter((line) => line.startsWith('storage GET'))).toHaveLength(1);
  });
});
