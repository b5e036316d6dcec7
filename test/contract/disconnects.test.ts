import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { FakeGenerator } from '@qwenfleet/runtime/backend/fake/generator';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../harness/checkpoints.ts';
import { readersWhoLeave, shape, vocabularySize } from '../harness/leaving-readers.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-disconnects-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

/** With each seed on each backend: a thousand together. */
const disconnects = 250;

const backends: Record<string, () => Promise<Generator>> = {
  'the fake backend': async () => new FakeGenerator({ ...shape, vocabularySize, clock: systemClock }),
  'ONNX Runtime': async () => {
    const options = { ...shape, threads: 1, quantization: 'float32', cacheDir } as const;
    return (await loadModel(readModel(checkpointFolder('qwen2')), options)) as Generator;
  },
};

describe.each(Object.entries(backends))('readers who leave an engine on %s', (_name, open) => {
  it.each([1, 2])('leave no token behind, and hold up nobody who stays (seed %i)', async (seed) => {
    const generator = await open();
    const found = await readersWhoLeave(generator, seed, disconnects);
    await generator.release();
    expect(found).toMatchObject({ ghosts: 0, unaccounted: 0, otherAnswers: 0, remains: 0 });
    expect(found.unread).toBeLessThanOrEqual(0);
    // A chunk of somebody's prompt, then the next token.
    expect(found.longestGap).toBeLessThanOrEqual(2);
    expect(found.left).toBeGreaterThanOrEqual(disconnects);
    expect(found.answers).toBeGreaterThan(0);
    expect(found.preempted).toBeGreaterThan(0);
  });
});
