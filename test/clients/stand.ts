import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serveUpstream, type Upstream } from '@qwenfleet/router/harness/upstream';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { cacheDir, freePort } from '../harness/fleet.ts';
import { startReady } from '../harness/ready-process.ts';
import { startRuntime, type RunningRuntime } from '../harness/runtime-process.ts';
import { root } from '../house/imports.ts';
import type { FullStand } from './behaviour.ts';
import { stage } from './plays.ts';

/** What stands behind an endpoint: the same for ours and for a peer. */
export type Backing = { model: RunningRuntime; vectors: RunningRuntime; stage: Upstream; close: () => Promise<void> };

/** Servers of one pool, by address: what breaks one of them is not the next behaviour's trouble. */
const addressesMax = 24;
/** One for each client. */
export const scripts = ['script-1', 'script-2', 'script-3', 'script-4'];

/** Weights at random, whose template has a place for functions. */
function callingCheckpoint(): string {
  const folder = publishedCheckpoint();
  const file = path.join(folder, 'tokenizer_config.json');
  // Written a moment ago.
  const config = JSON.parse(readFileSync(file, 'utf8')) as { chat_template: string };
  writeFileSync(file, JSON.stringify({ ...config, chat_template: `${config.chat_template}{# <tool_call> #}` }));
  return folder;
}

/** Two runtimes with tiny models, and a server whose answers are written. */
export async function startBacking(port?: number): Promise<Backing> {
  const checkpoints = { model: callingCheckpoint(), vectors: publishedCheckpoint('qwen3-embedding') };
  const start = (name: keyof typeof checkpoints): Promise<RunningRuntime> => {
    const engine = { slots: 4, contextLength: 256, threads: 1 };
    const model = { uri: `file://${checkpoints[name]}` };
    return startRuntime({ servedName: name, model, quantization: 'float32', engine }, { cacheDir });
  };
  const started = await Promise.allSettled([start('model'), start('vectors')]);
  const running = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const [model, vectors] = running;
  const served = await serveUpstream(stage, { host: '127.0.0.1', ...(port === undefined ? {} : { port }) });
  const close = async (): Promise<void> => {
    await Promise.all([served.close(), ...running.map((runtime) => runtime.dispose())]);
    for (const folder of Object.values(checkpoints)) rmSync(path.dirname(folder), { recursive: true, force: true });
  };
  if (model && vectors) return { model, vectors, stage: served, close };
  await close();
  throw new Error(started.map((each) => (each.status === 'rejected' ? String(each.reason) : '')).join('\n'));
}

const keys = {
  key: 'sk-of-the-suite',
  expiredKey: 'sk-of-last-year',
  narrowKey: 'sk-for-one-model',
  spentKey: 'sk-that-is-used-up',
  poorKey: 'sk-of-little-use',
  countedKey: 'sk-that-is-counted',
} as const;
const restrictions: Record<keyof typeof keys, object> = {
  key: {},
  expiredKey: { expires: '2020-01-01T00:00:00Z' },
  narrowKey: { scopes: { models: ['model'] } },
  spentKey: { quota: { requestsPerMinute: 1 } },
  poorKey: { quota: { tokensPerMinute: 1 } },
  countedKey: { quota: { requestsPerMinute: 10_000, tokensPerMinute: 10_000_000 } },
};
const bodyBytesMax = 1024 * 1024;

/** The router's configuration, as examples/standalone has it. */
function configOf(backing: Backing, port: number): object {
  const pool = { tier: 'small', contextLength: 256, costPerToken: 0.1, concurrency: 64, engine: 'qwen' };
  const stages = Array.from({ length: addressesMax }, (_, at) => `${backing.stage.url}/${at}`);
  const capabilities = { tools: true, json: true };
  return {
    listen: { host: '127.0.0.1', port },
    keys: Object.entries(keys).map(([name, key]) => ({
      id: name,
      sha256: createHash('sha256').update(key).digest('hex'),
      ...restrictions[name as keyof typeof keys],
    })),
    bodyBytesMax,
    logLevel: 'warn',
    pools: [
      { ...pool, name: 'model', upstreamModel: 'model', capabilities, endpoints: [backing.model.url] },
      { ...pool, name: 'vectors', upstreamModel: 'vectors', task: 'embed', endpoints: [backing.vectors.url] },
      ...scripts.map((name) => ({
        ...pool,
        name,
        engine: 'external',
        upstreamModel: 'up',
        contextLength: 1_000_000,
        capabilities,
        endpoints: stages,
      })),
      { ...pool, name: 'down', upstreamModel: 'down', endpoints: [] },
    ],
  };
}

export type OurStand = FullStand & { scripts: readonly string[]; log: () => string; stop: () => Promise<void> };

/** A real router process before what there is. */
export async function startOurs(backing: Backing): Promise<OurStand> {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-clients-'));
  const file = path.join(folder, 'router.json');
  writeFileSync(file, JSON.stringify(configOf(backing, port)));
  const url = `http://127.0.0.1:${port}`;
  const router = await startReady([path.join(root, 'router/main.ts'), '--config', file], url, { env: {} });
  const stop = async (): Promise<void> => {
    await router.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const names = { model: 'model', vectors: 'vectors', script: 'script-1', scripts, down: 'down' };
  return { url: `${url}/v1`, ...keys, ...names, bodyBytesMax, log: router.log, stop };
}
