import { systemClock } from '@qwenfleet/core/clock';
import { runtimeConfigSchema } from '@qwenfleet/core/fleet/runtime-config';
import { silentLogger } from '@qwenfleet/core/log';
import path from 'node:path';
import { fromLoopback } from '@qwenfleet/runtime/fixtures/served';
import { createApp, type App } from '@qwenfleet/runtime/http/app';
import { loadServedModel } from '@qwenfleet/runtime/load-model';
import { Service } from '@qwenfleet/runtime/service';

/** A runtime on real weights without a process of its own. */
export type RunningService = { app: App; service: Service };

/** Serves a checkpoint as `tiny`, in float32 over eight slots. Throws what loading does. */
export async function startService(
  checkpoint: string,
  cacheDir: string,
  changes: object = {},
): Promise<RunningService> {
  const config = runtimeConfigSchema.parse({
    servedName: 'tiny',
    model: { uri: `file://${checkpoint}` },
    quantization: 'float32',
    cacheDir,
    engine: { slots: 8, contextLength: 128, threads: 2 },
    ...changes,
  });
  const hub = { endpoint: 'http://127.0.0.1:9', token: undefined, cacheDir: path.join(cacheDir, 'hub') };
  const service = new Service({
    config,
    clock: systemClock,
    rng: () => 0.5,
    log: silentLogger,
    freeMemory: () => 1e12,
    load: (model, parts) => loadServedModel(config, model, { ...parts, source: { cacheDir, hub }, clock: systemClock }),
  });
  await service.start();
  return { app: createApp(service), service };
}

export const post = async ({ app }: RunningService, at: string, body: object): Promise<Response> =>
  app.request(at, { method: 'POST', body: JSON.stringify(body) }, fromLoopback);

/** The greedy answer's text; what went wrong, when something did. */
export async function answer(running: RunningService, model: string, content = 'a tale', tokens = 24): Promise<string> {
  const messages = [{ role: 'user', content }];
  const response = await post(running, '/v1/chat/completions', { model, messages, temperature: 0, max_tokens: tokens });
  const body = (await response.json()) as { choices?: { message: { content: string } }[]; error?: { message: string } };
  return body.choices?.[0]?.message.content ?? `failed: ${body.error?.message}`;
}

/** Answers of all under load, several of each at once, that are not what each says alone; and how many say something else than others. */
export async function answersUnderLoad(
  running: RunningService,
  names: readonly string[],
): Promise<{ asked: number; other: number; distinct: number }> {
  const alone = new Map<string, string>();
  for (const name of names) alone.set(name, await answer(running, name));
  // Neighbours in time are of different adapters.
  const asked = Array.from({ length: 3 * names.length }, (_, index) => names[(index * 7) % names.length] ?? '');
  const answers = await Promise.all(asked.map((name) => answer(running, name)));
  const other = answers.filter((said, index) => said !== alone.get(asked[index] ?? '')).length;
  return { asked: asked.length, other, distinct: new Set(alone.values()).size };
}
