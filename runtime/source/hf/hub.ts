import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import { gitBlobOf, noteSha256, sha256Of } from '../digest.ts';
import { assertOk, download, fetchFrom, send } from '../download.ts';
import { isInside } from '../inside.ts';
import type { PullOptions } from '../source.ts';
import type { HubCache } from './cache.ts';

/** A revision as it is at one moment: its commit and its files. */
export type Snapshot = { commit: string; files: string[] };

/** It becomes a path in the snapshot's folder. */
const fileName = z.string().refine(isInside);

export const snapshotSchema = z.object({
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  files: z.array(fileName).max(10_000),
});

const repositorySchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.object({ rfilename: fileName })).max(10_000),
});

const answerWithinMs = 10_000;

type Hub = PullOptions['hub'];

const credentials = ({ token }: Hub): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** GET /api/models/REPOSITORY/revision/REVISION. Throws the codes of a source. */
export async function resolveRevision(
  repository: string,
  revision: string,
  { hub, signal }: PullOptions,
): Promise<Snapshot> {
  const url = `${hub.endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
  const within = AbortSignal.timeout(answerWithinMs);
  const bounded = signal ? AbortSignal.any([signal, within]) : within;
  let body: unknown;
  try {
    const response = await fetchFrom('GET', { url, headers: credentials(hub), signal: bounded });
    body = await response.body.json();
  } catch (error) {
    if (!within.aborted || signal?.aborted) throw error;
    throw new FleetError(
      'source_unavailable',
      `The hub did not answer within ${answerWithinMs / 1000} s. Try again later.`,
      { cause: error },
    );
  }
  const parsed = repositorySchema.safeParse(body);
  if (!parsed.success)
    throw new FleetError(
      'source_unavailable',
      'The hub answered something else than a description of the repository. Check HF_ENDPOINT.',
    );
  return { commit: parsed.data.sha, files: parsed.data.siblings.map(({ rfilename }) => rfilename) };
}

export type HubFile = { repository: string; commit: string; name: string };

/** One file into the cache, checked against the digest that the hub names it by. */
export async function fetchFile(
  cache: HubCache,
  { repository, commit, name }: HubFile,
  options: PullOptions,
): Promise<void> {
  const { hub, signal, onProgress } = options;
  const url = `${hub.endpoint}/${repository}/resolve/${commit}/${name.split('/').map(encodeURIComponent).join('/')}`;
  const headers = credentials(hub);
  const etag = await etagOf(url, headers, signal);
  const blob = cache.blob(etag);
  let isRead = false;
  await download({
    url,
    headers,
    signal,
    target: blob,
    verify: async (file) => {
      await verify(file, name, etag);
      isRead = true;
    },
    onProgress: (doneBytes, totalBytes) => onProgress?.({ name: `${repository}/${name}`, doneBytes, totalBytes }),
  });
  if (isRead && etag.length === 64) noteSha256(blob, options.cacheDir, etag);
  cache.link(commit, name, etag);
}

/** The first answer carries it: the content delivery network behind the redirect has names of its own. */
async function etagOf(url: string, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<string> {
  const response = await send('HEAD', { url, headers, signal });
  if (response.statusCode >= 400) await assertOk(response, url);
  await response.body.dump();
  const given = response.headers['x-linked-etag'] ?? response.headers['etag'];
  const etag = /^(?:W\/)?"?([0-9a-f]{40}|[0-9a-f]{64})"?$/.exec(String(given))?.[1];
  if (etag === undefined)
    throw new FleetError(
      'source_unavailable',
      'The hub names no digest for a file, so it cannot be checked. Check HF_ENDPOINT.',
    );
  return etag;
}

/** 64 digits are the sha256 of a file in LFS, 40 are git's name of one that is not. */
async function verify(file: string, name: string, etag: string): Promise<void> {
  const found = etag.length === 64 ? await sha256Of(file) : await gitBlobOf(file);
  if (found === etag) return;
  throw new FleetError(
    'digest_mismatch',
    `${name} has digest ${found}, and the hub says ${etag}. It was deleted; pull again.`,
  );
}
