import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseTermination } from '@qwenfleet/core/fleet/termination';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const entry = fileURLToPath(new URL('main.ts', import.meta.url));
const weights = Buffer.from('these are weights');
const sha256 = createHash('sha256').update(weights).digest('hex');

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-pull-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string): string => path.join(folder, name);

function model(name: string, content: Buffer = weights): string {
  mkdirSync(inFolder(name));
  writeFileSync(inFolder(`${name}/model.safetensors`), content);
  return inFolder(name);
}

function run(args: readonly string[]): Promise<{ code: number | null; log: string; word: string | undefined }> {
  const wordFile = inFolder('termination-log');
  const env = { ...process.env, QWENFLEET_TERMINATION_LOG: wordFile };
  const child = spawn(process.execPath, [entry, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, log, word: existsSync(wordFile) ? readFileSync(wordFile, 'utf8') : undefined }),
    );
  });
}

const pullTo = (source: string, more: readonly string[] = []) =>
  run(['--uri', `file://${source}`, '--dir', inFolder('cache'), '--link', inFolder('links/a'), ...more]);

describe('pulling for an engine that only knows paths', () => {
  it('makes the path that was agreed on lead to the weights', async () => {
    const { code, word } = await pullTo(model('first'), ['--sha256', sha256]);
    expect(code).toBe(0);
    expect(word).toBeUndefined();
    expect(readFileSync(inFolder('links/a/model.safetensors'))).toEqual(weights);
  });

  it('replaces what the path led to before', async () => {
    await pullTo(model('first'));
    await pullTo(model('second', Buffer.from('newer')));
    expect(readlinkSync(inFolder('links/a'))).toBe(inFolder('second'));
  });

  it('refuses weights of another digest, and says so where a kubelet looks', async () => {
    const { code, word } = await pullTo(model('first', Buffer.from('others')), ['--sha256', sha256]);
    expect(code).toBe(1);
    expect(parseTermination(word)).toMatchObject({ code: 'digest_mismatch', message: expect.stringContaining(sha256) });
    expect(existsSync(inFolder('links/a'))).toBe(false);
  });

  it('says when there is nothing at the address', async () => {
    const { code, word, log } = await pullTo(inFolder('nowhere'));
    expect(code).toBe(1);
    expect(parseTermination(word)?.code).toBe('source_not_found');
    expect(log).toContain('source_not_found');
  });

  it('explains itself to whoever leaves something out', async () => {
    const { code, log } = await run(['--uri', 'file:///x']);
    expect(code).toBe(2);
    expect(log).toContain('--link');
  });
});
