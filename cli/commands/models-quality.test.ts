import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { afterAll, describe, expect, it } from 'vitest';
import { captureTerminal } from '../harness/terminal.ts';
import { modelsQuality, type QualityRow } from './models-quality.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-quality-'));
const cacheDir = path.join(folder, 'cache');
const [text, vectors] = [publishedCheckpoint(), publishedCheckpoint('bert')];
afterAll(() =>
  [folder, path.dirname(text), path.dirname(vectors)].forEach((each) => rmSync(each, { recursive: true })),
);

const short = path.join(folder, 'short.txt');
writeFileSync(short, 'A few words, and a few more. '.repeat(10));

async function quality(uri: string, files: string[] | undefined, json = false, kvCacheDtype?: 'int8'): Promise<string> {
  const { terminal, out } = captureTerminal(json ? { json } : {});
  await modelsQuality(uri, { text: files, kvCacheDtype, cacheDir, terminal });
  return out();
}

describe('models quality', () => {
  it('prints a row a quantisation, and what was read', async () => {
    const out = await quality(`file://${text}`, [short]);
    expect(out).toMatch(/QUANTIZATION\s+PERPLEXITY\s+MEAN KL\s+TOP-1\s+MEMORY/);
    expect(out.match(/^(float32|int8|int4) /gm)).toEqual(['float32 ', 'int8 ', 'int4 ']);
    expect(out).toMatch(/^\d+ tokens;/m);
  });

  it('prints the same as data', async () => {
    const rows = (await quality(`file://${text}`, [short], true))
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as QualityRow);
    expect(rows.map(({ quantization }) => quantization)).toEqual(['float32', 'int8', 'int4']);
    const [float32, int8, int4] = rows;
    expect(float32).toMatchObject({ meanKl: 0, topOneAgreement: 1 });
    expect(int8?.meanKl).toBeGreaterThan(0);
    expect(int4?.meanKl).toBeGreaterThan(int8?.meanKl ?? Infinity);
    expect(new Set(rows.map(({ tokens }) => tokens)).size).toBe(1);
  });

  it('measures what a cache in int8 loses, of the weights in float32 too', async () => {
    const rows = (await quality(`file://${text}`, [short], true, 'int8'))
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as QualityRow);
    const kinds = rows.map(({ quantization, kvCacheDtype }) => `${quantization} ${kvCacheDtype}`);
    expect(kinds).toEqual(['float32 float32', 'float32 int8', 'int8 int8', 'int4 int8']);
    expect(rows[1]?.meanKl).toBeGreaterThan(0);
    expect(rows[1]?.meanKl).toBeLessThan(0.001);
    expect(await quality(`file://${text}`, [short], false, 'int8')).toMatch(/^float32, cache int8 /m);
  });

  it('reads English and Chinese when nothing else is given', async () => {
    const [row] = (await quality(`file://${text}`, undefined, true)).trim().split('\n');
    // The tokenizer of the fixture has a token a byte.
    expect((JSON.parse(row ?? '') as QualityRow).tokens).toBeGreaterThan(3_000);
  });

  it.each<[string, string, string[], RegExp]>([
    ['a model that makes vectors', vectors, [short], /makes vectors/],
    ['a text that is not there', text, [path.join(folder, 'none.txt')], /--text: .*none\.txt/],
    ['a text of nothing', text, ['/dev/null'], /fewer than two/],
  ])('refuses %s', async (_name, model, files, words) => {
    await expect(quality(`file://${model}`, files)).rejects.toThrow(words);
  });
});
