import path from 'node:path';
import { command } from '../command.ts';
import type { Cluster } from './cluster.ts';
import { script } from './testbed.ts';

/**
 * Puts an OCI archive onto the real node, where no registry is. Returns the reference that pods name it by:
 * `docker.io/local/NAME:TAG` for NAME.tar.
 */
export async function importImage(cluster: Cluster, tar: string): Promise<string> {
  const repository = `docker.io/local/${path.basename(tar, '.tar')}`;
  const socket = path.join(cluster.dataDir, 'containerd.sock');
  const args = ['-a', socket, '-n', 'k8s.io', 'images', 'import', '--base-name', repository, tar];
  const { code, stdout, stderr } = await command('ctr', args, { timeoutMs: 300_000 });
  const reference = stdout.match(/^unpacking (\S+) \(/m)?.[1];
  if (code !== 0 || reference === undefined) throw new Error(`ctr could not import ${tar}: ${stderr}${stdout}`);
  return reference;
}

/** Packs a folder into an OCI archive with one layer, tagged v1. */
export async function packImage(folder: string, tar: string, entrypoint: readonly string[]): Promise<void> {
  const { code, stderr } = await command(script('image.sh'), [folder, tar, ...entrypoint], { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`image.sh could not pack ${folder}: ${stderr}`);
}
