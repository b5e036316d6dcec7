import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseFleetFiles, type Fleet, type FleetFile } from '@qwenfleet/crds/fleet-file';
import { Failure } from '../failure.ts';
import type { Profile } from './profile.ts';

const examples = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../examples');

export const defaultFleetFile = path.join(examples, 'laptop.yaml');
export const profileFile = (profile: Profile): string => path.join(examples, 'profiles', `${profile}.yaml`);

/**
 * Reads and checks custom resources, and merges a profile into them.
 * Throws `invalid_config` with file, line, field and remedy of every problem.
 */
export async function loadFleet(files: readonly string[], profile: Profile | undefined): Promise<Fleet> {
  const patches = profile === undefined ? [] : [profileFile(profile)];
  const [texts, patchTexts] = await Promise.all([readAll(files), readAll(patches)]);
  return parseFleetFiles(texts, patchTexts);
}

const readAll = (files: readonly string[]): Promise<FleetFile[]> => Promise.all(files.map(read));

async function read(fileName: string): Promise<FleetFile> {
  try {
    return { fileName: shortName(fileName), text: await readFile(fileName, 'utf8') };
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a folder'
          : `it cannot be read (${code})`;
    throw new Failure('usage', `--fleet ${fileName}: ${why}.`, {
      remedy: 'Name a YAML file of custom resources, such as examples/laptop.yaml.',
      cause,
    });
  }
}

/** As the person would type it, when that is shorter. */
function shortName(fileName: string): string {
  const relative = path.relative(process.cwd(), fileName);
  return relative.startsWith('..') ? fileName : relative;
}
