import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { adapterFolder } from '@qwenfleet/runtime/fixtures/adapter';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { answersUnderLoad, startService } from '../../../harness/adapter-service.ts';
import type { Measurement } from '../../promise.ts';

/** Fifty adapters and their model, over eight places, three requests for each at the same time. */
export async function adapters(): Promise<Measurement> {
  const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-adapters-'));
  const checkpoint = publishedCheckpoint();
  const made = Array.from({ length: 50 }, (_, index) => adapterFolder(checkpoint, { seed: index + 1, magnitude: 0.4 }));
  try {
    const list = made.map((folder, index) => ({ name: `adapter-${index}`, uri: `file://${folder}` }));
    const running = await startService(checkpoint, cacheDir, { adapters: { places: 8, rankMax: 4, list } });
    const found = await answersUnderLoad(running, ['tiny', ...list.map(({ name }) => name)]);
    await running.service.finish();
    return {
      value: found.other,
      details: `of ${found.asked} answers; alone they say ${found.distinct} different things`,
    };
  } finally {
    for (const folder of [cacheDir, ...[checkpoint, ...made].map((each) => path.dirname(each))])
      rmSync(folder, { recursive: true, force: true });
  }
}
