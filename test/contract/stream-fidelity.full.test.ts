import { faultOfRelay } from '@qwenfleet/router/harness/relayed';
import { streamCase } from '@qwenfleet/router/harness/stream-fuzz';
import { expect, it } from 'vitest';
import { seedFor } from '../harness/seed.ts';

const streams = 100_000;

it('of any stream the router hands on the same bytes, or as far as it is whole and then an error', async () => {
  const base = seedFor('stream-fidelity');
  const faults: string[] = [];
  let whole = 0;
  for (let at = 0; at < streams && faults.length < 10; at += 1) {
    const given = streamCase((base + at) >>> 0);
    if (given.pieces.length === 0) continue;
    const fault = await faultOfRelay(given);
    if (fault !== undefined) faults.push(`QWENFLEET_SEED=${given.seed} (${given.words}): ${fault}`);
    if (given.words.startsWith('whole')) whole += 1;
  }
  process.stdout.write(`${streams} streams from seed ${base}, ${whole} of them undamaged\n`);
  expect(faults).toEqual([]);
  expect(whole).toBeGreaterThan(streams / 3);
});
