import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually, freePort } from '../../harness/fleet.ts';
import { root } from '../../house/imports.ts';
import type { Stand } from '../behaviour.ts';
import { scripts, type Backing } from '../stand.ts';

const version = '1.106.2';
/** It loads for half a minute where the machine is slow. */
const readyMsMax = 180_000;

/** LiteLLM's proxy in a virtual environment of its own: installed once, with pip, into the repository's cache folder. */
function installed(): string {
  const folder = path.join(root, `.cache/litellm-${version}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial-${process.pid}`;
  for (const [file, args] of [
    ['python3', ['-m', 'venv', partial]],
    [path.join(partial, 'bin/python'), ['-m', 'pip', 'install', '--quiet', `litellm[proxy]==${version}`]],
  ] as const) {
    const { status, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
    if (status === 0) continue;
    rmSync(partial, { recursive: true, force: true });
    throw new Error(`LiteLLM cannot be installed: ${error?.message ?? stderr}`);
  }
  // Its commands have the folder's name in them, so it is run as a module.
  renameSync(partial, folder);
  return folder;
}

/** As its documentation sets it up, in front of the same servers. What it needs a database for, it has not got. */
function configOf({ model, vectors, stage }: Backing, key: string): object {
  const entry = (name: string, upstream: string, url: string): object => ({
    model_name: name,
    litellm_params: {
      model: `openai/${upstream}`,
      api_base: `${url}/v1`,
      api_key: 'none',
      use_chat_completions_api: true,
    },
  });
  return {
    model_list: [
      entry('model', 'model', model.url),
      entry('vectors', 'vectors', vectors.url),
      ...scripts.map((name) => entry(name, 'up', stage.url)),
    ],
    litellm_settings: { telemetry: false },
    // Without, one broken answer would shut the only server out for the rest of the suite.
    router_settings: { disable_cooldowns: true },
    general_settings: { master_key: key },
  };
}

export type Peer = Stand & { version: string; scripts: readonly string[]; stop: () => Promise<void> };

export async function startLiteLlm(backing: Backing): Promise<Peer> {
  const folder = installed();
  const scratch = mkdtempSync(path.join(tmpdir(), 'qwenfleet-litellm-'));
  const file = path.join(scratch, 'config.yaml');
  const [port, key] = [await freePort(), 'sk-of-the-suite'];
  writeFileSync(file, JSON.stringify(configOf(backing, key)));
  const start = 'from litellm import run_server; run_server()';
  const args = ['-c', start, '--config', file, '--host', '127.0.0.1', '--port', String(port)];
  const child = spawn(path.join(folder, 'bin/python'), args, { cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    rmSync(scratch, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`LiteLLM ended: ${said}`);
    return fetch(`${url}/health/readiness`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await eventually(isUp, Boolean, readyMsMax, 200).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url: `${url}/v1`, key, model: 'model', vectors: 'vectors', script: 'script-1', scripts, version, stop };
}
