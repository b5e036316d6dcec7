import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamChat, user } from '../harness/chat.ts';
import { eventually, startFleet, type PoolStatus, type RunningFleet } from '../harness/fleet.ts';
import { descendants } from '../harness/processes.ts';
import { demoWeights, smallPool } from '../harness/small-pool.ts';

const fleetFile = smallPool(demoWeights, {
  quantization: 'int4',
  engine: { maxConcurrency: 4, contextLength: 1024 },
  scaling: { minReplicas: 0, maxReplicas: 1, scaleToZeroAfter: '3s' },
});

let fleet: RunningFleet;
beforeAll(async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'qwenfleet-zero-')), 'fleet.yaml');
  writeFileSync(file, fleetFile);
  fleet = await startFleet({ args: ['--fleet', file] });
});
afterAll(async () => {
  await fleet.stop();
});

const small = async (): Promise<PoolStatus | undefined> => (await fleet.pools()).find((pool) => pool.name === 'small');
const runtimes = (): string[] =>
  descendants(fleet.process.pid ?? 0)
    .map((entry) => entry.command)
    .filter((command) => command.includes('runtime/main.ts'));

describe('a pool that nobody has asked for a while', () => {
  it('has no process, is still listed, and answers the next request', async () => {
    await eventually(
      async () => runtimes().length,
      (count) => count === 0,
      30_000,
    );
    expect(await small()).toMatchObject({ status: 'scaled-to-zero', ready: 0 });
    const list = (await (await fetch(`${fleet.url}/v1/models`)).json()) as { data: { id: string; status?: string }[] };
    expect(list.data.find((model) => model.id === 'small')).toMatchObject({ status: 'scaled-to-zero' });

    const many = await Promise.all(
      Array.from({ length: 6 }, () =>
        streamChat(fleet.url, { model: 'small', messages: [user('What is the capital of France?')], temperature: 0 }),
      ),
    );
    for (const answer of many) {
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('Paris');
    }
    expect(runtimes()).toHaveLength(1);
  });

  it('stays while somebody is asking', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      await streamChat(fleet.url, { model: 'small', messages: [user('Hi')], max_tokens: 4 });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(runtimes()).toHaveLength(1);
    }
  });
});
