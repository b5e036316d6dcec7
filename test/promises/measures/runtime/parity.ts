import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  decoderCheckpoints,
  encoderCheckpoints,
  largestLogitDifference,
  largestVectorDifference,
  openDecoder,
  openEncoder,
} from '../../../harness/parity.ts';
import type { Measurement } from '../../promise.ts';

/** Over every family that has a checkpoint in the fixtures, each against what transformers computed. */
export async function parity(): Promise<Measurement> {
  const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-parity-'));
  try {
    const found = new Map<string, number>();
    for (const family of decoderCheckpoints) {
      const model = await openDecoder(family, 'float32', cacheDir);
      found.set(family, await largestLogitDifference(model, family));
      await model.release();
    }
    for (const family of encoderCheckpoints) {
      const encoder = await openEncoder(family, cacheDir);
      found.set(family, await largestVectorDifference(encoder, family));
      await encoder.release();
    }
    const details = [...found].map(([family, difference]) => `${family} ${difference.toExponential(1)}`).join(', ');
    return { value: Math.max(...found.values()), details };
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}
