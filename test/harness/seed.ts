import { randomSeed } from '@qwenfleet/core/rng';

/** A seed for a test that draws at random: printed, and taken from QWENFLEET_SEED to replay a run. */
export function seedFor(test: string): number {
  const given = process.env['QWENFLEET_SEED'];
  const seed = given === undefined ? randomSeed() : Number(given);
  process.stdout.write(`${test}: seed ${seed}; replay with QWENFLEET_SEED=${seed} npm run test:full -- ${test}\n`);
  return seed;
}
