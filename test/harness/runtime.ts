import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../house/imports.ts';
import { cacheDir, eventually, freePort } from './fleet.ts';

export type RunningRuntime = { url: string; process: ChildProcess; stop: () => Promise<void> };

/** Runs a runtime by itself, as somebody does who has a model server already, and waits until it answers. */
export async function startRuntime(model: { servedName: string; uri: string }): Promise<RunningRuntime> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-runtime-'));
  const port = await freePort();
  const file = path.join(folder, 'runtime.json');
  const config = {
    servedName: model.servedName,
    model: { uri: model.uri },
    quantization: 'float32',
    listen: { port },
    cacheDir,
    engine: { slots: 4, contextLength: 200, threads: 1 },
    logLevel: 'warn',
  };
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, ['runtime/main.ts', '--config', file], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(
      () =>
        fetch(`${url}/health`).then(
          ({ ok }) => ok,
          () => false,
        ),
      Boolean,
      60_000,
    );
  } catch (cause) {
    await stop();
    throw new Error(`the runtime did not start:\n${said}`, { cause });
  }
  return { url, process: child, stop };
}
