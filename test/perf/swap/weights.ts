import { closeSync, copyFileSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { publishedCheckpoint, trainedOn } from '@qwenfleet/runtime/fixtures/checkpoint';
import { openGguf } from '@qwenfleet/runtime/model/weights/gguf';
import { ownFile } from '../runtime/models.ts';

export const swapModels = ['smollm2-135m', 'tiny'] as const;
export type SwapModel = (typeof swapModels)[number];

/** Three versions of one model, each other than the one before by some of its weights. */
export async function versionsOf(
  model: SwapModel,
  folder: string,
  cacheDir: string,
): Promise<[string, string, string]> {
  if (model === 'tiny') {
    const first = publishedCheckpoint();
    const second = trainedOn(first);
    // What is trained twice is as it was: half of the values change their signs.
    return [first, second, first];
  }
  const first = await ownFile(model, cacheDir);
  const second = path.join(folder, 'second.gguf');
  const third = path.join(folder, 'third.gguf');
  retrained(first, second, 'blk.9.');
  retrained(second, third, 'blk.14.');
  return [first, second, third];
}

/** Bytes of a block of Q4_1 before its values. */
const scaleBytes = 4;

/** A copy in which every 4-bit value of one layer's feed-forward is one more or less. */
function retrained(from: string, to: string, layer: string): void {
  copyFileSync(from, to);
  const { weights } = openGguf(to);
  const file = openSync(to, 'r+');
  try {
    for (const { name, type, offset, bytes } of weights.tensors.values()) {
      if (!name.startsWith(layer) || !name.includes('ffn') || type.name !== 'Q4_1') continue;
      const blocks = Buffer.alloc(bytes);
      readSync(file, blocks, 0, bytes, offset);
      for (let at = 0; at < bytes; at += 1)
        if (at % type.bytesPerBlock >= scaleBytes) blocks[at] = (blocks[at] ?? 0) ^ 0x11;
      writeSync(file, blocks, 0, bytes, offset);
    }
  } finally {
    closeSync(file);
    weights.close();
  }
}
