import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapterFolders } from '../harness/hostile/adapter-folders.ts';
import { hostileModels } from '../harness/hostile/hostile-models.ts';
import { Target } from '../harness/hostile/refusal.ts';

/** Files are bounded, so what reading them takes is: the worst of them is a list as long as a vocabulary may be. */
const grownBytesMax = 768 * 2 ** 20;

let target: Target;
let mostBytes: number;
beforeAll(async () => {
  target = await Target.start();
  ({ mostBytes } = target);
});
afterAll(() => target?.stop());

describe('a runtime that is told to load a hostile model', () => {
  it('is told so in at least forty ways', () => {
    expect(new Set(hostileModels.map(({ name }) => name)).size).toBe(hostileModels.length);
    expect(hostileModels.length).toBeGreaterThanOrEqual(40);
  });

  it.each(hostileModels)('refuses it with a reason and answers as before: $name', async (hostile) => {
    expect(await target.wrongWithModel(hostile)).toEqual([]);
  });

  it('refuses one whose digest is another than was wanted', async () => {
    const sha256 = createHash('sha256').update('another').digest('hex');
    expect(await target.load({ uri: `file://${target.honest}`, sha256 })).toMatchObject({ code: 'digest_mismatch' });
  });
});

describe('a runtime that is told to load a hostile adapter', () => {
  it.each(adapterFolders)('refuses it with a reason and answers as before: $name', async (hostile) => {
    expect(await target.wrongWithAdapter(hostile)).toEqual([]);
  });
});

describe('after all of them, the runtime', () => {
  it('has never held much more memory than before', () => {
    const grownBytes = target.mostBytes - mostBytes;
    process.stdout.write(`hostile files: at most ${Math.round(grownBytes / 2 ** 20)} MiB more than before\n`);
    expect(grownBytes).toBeLessThan(grownBytesMax);
  });

  it('still loads an honest one', async () => {
    const { loaded } = await target.status();
    expect(loaded?.generation).toBe(1);
    expect(await target.load({ uri: `file://${target.honest}` })).toBeUndefined();
    expect((await target.status()).loaded?.generation).toBe(2);
  });
});
