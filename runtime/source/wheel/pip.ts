import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';

export type WheelRequest = {
  name: string;
  version: string;
  folder: string;
  signal: AbortSignal | undefined;
  onProgress: (doneBytes: number, totalBytes: number | undefined) => void;
};

const stderrCharsMax = 4_000;
const downloadArguments = ['download', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--no-input'];

/**
 * Has pip download one wheel, without what it depends on. pip checks it against the index's own sha256.
 * Throws `source_unavailable` without Python or network, `source_not_found` for a version that there is not.
 */
export async function fetchWheel({ name, version, folder, signal, onProgress }: WheelRequest): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const wanted = `${name}==${version}`;
  const have = findWheel(folder);
  if (have !== undefined) return have;
  const report = { signal, onProgress };
  const loud = await pip([...downloadArguments, '--progress-bar', 'raw', '--dest', folder, wanted], report);
  // Versions of pip before 24.1 have no progress for programs, and say so.
  const said = /no such option|invalid choice/.test(loud.stderr)
    ? await pip([...downloadArguments, '--progress-bar', 'off', '--dest', folder, wanted], report)
    : loud;
  const wheel = findWheel(folder);
  if (said.code === 0 && wheel !== undefined) return wheel;
  throw failure(wanted, said.stderr);
}

function failure(wanted: string, stderr: string): FleetError {
  const cause = new Error(stderr.trim().split('\n').at(-1) ?? '');
  if (/No matching distribution/.test(stderr)) {
    const message = `pip found no wheel of ${wanted}. Check model.uri, and that pip reaches its index.`;
    return new FleetError('source_not_found', message, { cause });
  }
  const remedy = `Try "python3 -m pip download --no-deps ${wanted}" to see why.`;
  return new FleetError('source_unavailable', `pip could not download ${wanted}. ${remedy}`, { cause });
}

const findWheel = (folder: string): string | undefined => {
  const name = readdirSync(folder).find((entry) => entry.endsWith('.whl'));
  return name === undefined ? undefined : path.join(folder, name);
};

type Report = Pick<WheelRequest, 'signal' | 'onProgress'>;

function pip(args: readonly string[], { signal, onProgress }: Report): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', ['-m', 'pip', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal ? { signal } : {}),
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-stderrCharsMax)));
    child.stdout.on('data', (chunk: Buffer) => {
      for (const [, done, total] of chunk.toString().matchAll(/Progress (\d+) of (\d+)/g))
        onProgress(Number(done), Number(total));
    });
    child.on('error', (cause) => reject(signal?.aborted ? cause : withoutPython(cause)));
    child.on('close', (code) => resolve({ code: code ?? 1, stderr }));
  });
}

const withoutPython = (cause: Error): FleetError =>
  new FleetError(
    'source_unavailable',
    'python3 with pip is needed to fetch this model, and was not found. Install Python 3, or use --profile qwen3.',
    { cause },
  );
