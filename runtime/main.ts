// node runtime/main.ts --config FILE: one runtime process. With a parent it speaks over IPC; alone it logs.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock } from '@qwenfleet/core/clock';
import { parseConfig } from '@qwenfleet/core/config';
import { asFleetError, describeError } from '@qwenfleet/core/errors';
import { toChildSchema, type FromChild } from '@qwenfleet/core/fleet/channel';
import { runtimeConfigSchema } from '@qwenfleet/core/fleet/runtime-config';
import { createLogger } from '@qwenfleet/core/log';
import { readSourceConfig } from './config.ts';
import { createApp } from './http/app.ts';
import { listen } from './http/server.ts';
import { loadServedModel } from './load-model.ts';
import { Service } from './service.ts';

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) {
  process.stderr.write(
    'Usage: node runtime/main.ts --config FILE (the file is described in core/fleet/runtime-config.ts)\n',
  );
  process.exit(2);
}
const config = parseConfig(runtimeConfigSchema, JSON.parse(readFileSync(values.config, 'utf8')), values.config);
const log = createLogger('runtime', config.logLevel);
const service = new Service({ config, clock: systemClock, rng: Math.random, log });

const tell = (message: FromChild): void => {
  if (process.connected) process.send?.(message);
};

const server = await listen(createApp(service), config.listen);
log.info({ url: server.url, model: config.servedName }, 'listening');
tell({ type: 'listening', url: server.url });

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await service.finish();
  server.close();
  process.exit(0);
}
process.on('SIGTERM', () => void end());
// Ctrl-C reaches the whole group of a terminal: with a parent, the parent says when to stop.
process.on('SIGINT', () => void (process.connected || end()));
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  if (toChildSchema.safeParse(message).data?.type === 'drain') void end();
});
void service.drainAsked.then(end);

try {
  const model = await loadServedModel(config, {
    source: readSourceConfig(config.cacheDir),
    clock: systemClock,
    observer: service.observer,
    onProgress: (phase, done, total) => {
      service.loading(phase, done, total);
      tell({ type: 'progress', phase, done, total });
    },
  });
  service.ready(model);
  log.info({ model: config.servedName, task: model.task }, 'ready');
  tell({ type: 'ready' });
} catch (thrown) {
  const { code, message } = asFleetError(thrown);
  log.error({ code }, describeError(thrown));
  const leave = (): never => process.exit(1);
  if (process.connected) process.send?.({ type: 'failed', code, message } satisfies FromChild, leave);
  else leave();
}
