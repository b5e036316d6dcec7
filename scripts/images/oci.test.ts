import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeImage } from './oci.ts';

const config = {
  User: '65532:65532',
  WorkingDir: '/app',
  Env: ['PATH=/usr/local/bin'],
  Entrypoint: ['node', 'main.ts'],
  Labels: { title: 'An image' },
};
type Index = { manifests: { digest: string; annotations: Record<string, string> }[] };
type Manifest = { config: { digest: string; size: number }; layers: { digest: string; size: number }[] };

describe.skipIf(process.platform !== 'linux')('an OCI archive', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(path.join(tmpdir(), 'qwenfleet-oci-'));
  });
  afterEach(() => rmSync(scratch, { recursive: true }));

  const folder = (name: string, files: Record<string, string>, seconds: number): string => {
    const at = path.join(scratch, name);
    mkdirSync(at);
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(path.join(at, file), text);
      utimesSync(path.join(at, file), seconds, seconds);
    }
    return at;
  };

  it('lists layers whose bytes are what their digests say', async () => {
    const to = path.join(scratch, 'image.tar');
    await writeImage([folder('one', { a: '1' }, 1), folder('two', { b: '2' }, 1)], '0.1.0', config, to);
    const unpacked = path.join(scratch, 'unpacked');
    mkdirSync(unpacked);
    execFileSync('tar', ['-xf', to, '-C', unpacked]);
    const blob = (digest: string): Buffer => {
      const bytes = readFileSync(path.join(unpacked, 'blobs', digest.replace(':', '/')));
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest);
      return bytes;
    };
    const index = JSON.parse(readFileSync(path.join(unpacked, 'index.json'), 'utf8')) as Index;
    expect(index.manifests[0]?.annotations).toEqual({ 'org.opencontainers.image.ref.name': '0.1.0' });
    const manifest = JSON.parse(blob(index.manifests[0]?.digest ?? '').toString()) as Manifest;
    expect(manifest.layers.map(({ digest, size }) => blob(digest).length === size)).toEqual([true, true]);
    const written = JSON.parse(blob(manifest.config.digest).toString()) as { config: object; rootfs: object };
    expect(written.config).toEqual(config);
    expect(written.rootfs).toEqual({ type: 'layers', diff_ids: manifest.layers.map(({ digest }) => digest) });
    const [first] = manifest.layers;
    const names = execFileSync('tar', ['-t'], { input: blob(first?.digest ?? ''), encoding: 'utf8' });
    expect(names.trim().split('\n')).toEqual(['./', './a']);
  });

  it('is the same bytes for the same files, whenever they were written', async () => {
    const files = { b: '2', a: '1' };
    const digests = [];
    for (const [name, seconds] of [
      ['early', 1],
      ['late', 2_000_000_000],
    ] as const) {
      const to = path.join(scratch, `${name}.tar`);
      await writeImage([folder(name, files, seconds)], '0.1.0', config, to);
      digests.push(createHash('sha256').update(readFileSync(to)).digest('hex'));
    }
    expect(digests[0]).toBe(digests[1]);
  });
});
