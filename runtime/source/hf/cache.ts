import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { snapshotSchema, type Snapshot } from './hub.ts';

/**
 * One repository in the folder that Hugging Face's tools share (huggingface_hub, "Understand caching"):
 * `blobs/ETAG`, `snapshots/COMMIT/FILE` as links to blobs, `refs/REVISION` with a commit.
 */
export class HubCache {
  readonly folder: string;

  constructor(cacheDir: string, repository: string) {
    this.folder = path.join(cacheDir, `models--${repository.replace('/', '--')}`);
  }

  snapshotFolder(commit: string): string {
    return path.join(this.folder, 'snapshots', commit);
  }

  blob(etag: string): string {
    return path.join(this.folder, 'blobs', etag);
  }

  /** Follows the link: a link whose blob is gone does not count. */
  has(commit: string, name: string): boolean {
    return existsSync(path.join(this.snapshotFolder(commit), name));
  }

  link(commit: string, name: string, etag: string): void {
    const at = path.join(this.snapshotFolder(commit), name);
    mkdirSync(path.dirname(at), { recursive: true });
    if (!existsSync(at)) symlinkSync(path.relative(path.dirname(at), this.blob(etag)), at);
  }

  /** The list of files is our own addition: without it, a snapshot that is half pulled looks like a whole one. */
  remember(revision: string, snapshot: Snapshot): void {
    const { ref, list } = this.#notes(revision);
    mkdirSync(path.dirname(ref), { recursive: true });
    writeFileSync(ref, snapshot.commit);
    writeFileSync(list, JSON.stringify(snapshot));
  }

  remembered(revision: string): Snapshot | undefined {
    try {
      const parsed = snapshotSchema.safeParse(JSON.parse(readFileSync(this.#notes(revision).list, 'utf8')));
      return parsed.data;
    } catch {
      return undefined;
    }
  }

  #notes(revision: string): { ref: string; list: string } {
    const name = revision.replaceAll(/[^\w.-]/g, '_');
    return { ref: path.join(this.folder, 'refs', name), list: path.join(this.folder, `.qwenfleet-${name}.json`) };
  }
}
