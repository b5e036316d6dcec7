import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from '../house/imports.ts';

export const openAiVersion = '3.51.0';

/** A Python that can import OpenAI's client: installed once, with pip, into the repository's cache folder. */
export async function pythonWithOpenAi(): Promise<{ python: string; env: NodeJS.ProcessEnv }> {
  const python = 'python3';
  const folder = path.join(root, `.cache/python-openai-${openAiVersion}`);
  if (!existsSync(folder)) {
    const partial = `${folder}.partial-${process.pid}`;
    mkdirSync(path.dirname(folder), { recursive: true });
    const pip = spawnSync(
      python,
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        '--target',
        partial,
        `openai==${openAiVersion}`,
      ],
      { encoding: 'utf8' },
    );
    if (pip.status !== 0) {
      rmSync(partial, { recursive: true, force: true });
      throw new Error(`pip could not install OpenAI's Python client:\n${pip.stderr}`);
    }
    renameSync(partial, folder);
  }
  return { python, env: { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' } };
}
