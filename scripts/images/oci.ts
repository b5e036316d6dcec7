import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type ImageConfig = {
  User: string;
  WorkingDir: string;
  Env: string[];
  Entrypoint: string[];
  Labels: Record<string, string>;
};
type Descriptor = { mediaType: string; digest: string; size: number; annotations?: Record<string, string> };

const mediaType = (kind: string): string => `application/vnd.oci.image.${kind}`;

/**
 * Packs folders, one a layer, into an OCI archive that ctr, podman and skopeo read. The same files give the same bytes:
 * owner, order and times are fixed. Needs GNU tar.
 */
export async function writeImage(
  folders: readonly string[],
  tag: string,
  config: ImageConfig,
  to: string,
): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), 'qwenfleet-image-'));
  try {
    const blobs = path.join(work, 'blobs/sha256');
    mkdirSync(blobs, { recursive: true });
    const layers: Descriptor[] = [];
    for (const folder of folders) {
      pack(folder, path.join(work, 'layer'), ['.']);
      layers.push(await addBlob(path.join(work, 'layer'), blobs, mediaType('layer.v1.tar')));
    }
    const addJson = async (kind: string, content: object): Promise<Descriptor> => {
      writeFileSync(path.join(work, 'json'), JSON.stringify(content));
      return addBlob(path.join(work, 'json'), blobs, mediaType(kind));
    };
    const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
    const configBlob = await addJson('config.v1+json', { architecture: 'amd64', os: 'linux', config, rootfs });
    const manifestType = mediaType('manifest.v1+json');
    const manifest = { schemaVersion: 2, mediaType: manifestType, config: configBlob, layers };
    const manifestBlob = await addJson('manifest.v1+json', manifest);
    const annotations = { 'org.opencontainers.image.ref.name': tag };
    const index = { schemaVersion: 2, manifests: [{ ...manifestBlob, annotations }] };
    writeFileSync(path.join(work, 'index.json'), JSON.stringify(index));
    writeFileSync(path.join(work, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    pack(work, to, ['oci-layout', 'index.json', 'blobs']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function pack(folder: string, to: string, members: readonly string[]): void {
  const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  execFileSync('tar', [...fixed, '-C', folder, '-cf', to, ...members]);
}

/** Moves a file to its digest. */
async function addBlob(file: string, blobs: string, type: string): Promise<Descriptor> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  const sum = hash.digest('hex');
  const size = statSync(file).size;
  renameSync(file, path.join(blobs, sum));
  return { mediaType: type, digest: `sha256:${sum}`, size };
}
