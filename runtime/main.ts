// node runtime/main.ts --config FILE: one runtime process. With a parent it speaks over IPC; alone it logs.
import { parseArgs } from 'node:util';
import { systemClock } from '@qwenfleet/core/clock';
import { asFleetError, describeError, FleetError } from '@qwenfleet/core/errors';
import { toChildSchema, type FromChild } from '@qwenfleet/core/fleet/channel';
import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import { createLogger } from '@qwenfleet/core/log';
import { readTracingConfig } from '@qwenfleet/core/telemetry/config';
import { openTracer } from '@qwenfleet/core/telemetry/tracing';
import { readSourceConfig } from './config.ts';
import { readConfigFile } from './config-file.ts';
import { leaveLastWord } from './last-word.ts';
import { freeMemory } from './free-memory.ts';
import { createApp } from './http/app.ts';
import { listen } from './http/server.ts';
import { loadServedModel } from './load-model.ts';
import { Service } from './service.ts';

/** For the answers of a drain to reach their clients. */
const flushWithinMs = 5_000;

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) {
  process.stderr.write(
    'Usage: node runtime/main.ts --config FILE (the file is described in core/fleet/runtime-config.ts)\n',
  );
  process.exit(2);
}

const tell = (message: FromChild): void => {
  if (process.connected) process.send?.(message);
};

let log = createLogger('runtime');
process.on('uncaughtException', fail);
try {
  await run(readConfigFile(values.config));
} catch (thrown) {
  fail(thrown);
}

/** Says why, to whoever there is to tell, and ends. */
function fail(thrown: unknown): void {
  const { code, message } = asFleetError(thrown);
  log.error({ code, ...(code === 'internal' ? { err: thrown } : {}) }, describeError(thrown));
  leaveLastWord({ code, message: code === 'internal' ? describeError(thrown) : message }, log);
  const leave = (): never => process.exit(1);
  if (process.connected) process.send?.({ type: 'failed', code, message } satisfies FromChild, leave);
  else leave();
}

async function run(config: RuntimeConfig): Promise<void> {
  log = createLogger('runtime', config.logLevel);
  const source = readSourceConfig(config.cacheDir);
  const tracer = await openTracer(readTracingConfig(), { service: 'qwenfleet-runtime', log });
  const service = new Service({
    tracer,
    config,
    clock: systemClock,
    rng: Math.random,
    log,
    freeMemory: () => freeMemory(),
    load: (model, parts) => loadServedModel(config, model, { ...parts, source, clock: systemClock }),
    onProgress: (phase, done, total) => tell({ type: 'progress', phase, done, total }),
  });
  const server = await listen(createApp(service), config.listen).catch((cause: Error) => {
    const { host, port } = config.listen;
    throw new FleetError('invalid_config', `listen: ${host}:${port} cannot be had.`, { param: 'listen', cause });
  });
  log.info({ url: server.url, model: config.servedName }, 'listening');
  tell({ type: 'listening', url: server.url });
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    log.info('draining');
    await service.finish();
    await server.close(flushWithinMs);
    await tracer.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  // Ctrl-C reaches the whole group of a terminal: with a parent, the parent says when to stop.
  process.on('SIGINT', () => void (process.connected || end()));
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message) => {
    if (toChildSchema.safeParse(message).data?.type === 'drain') void end();
  });
  void service.drainAsked.then(end);
  try {
    await service.start();
  } catch (error) {
    // Asked to end while it loaded: that is no failure.
    if (ending) return;
    throw error;
  }
  log.info({ model: config.servedName, loaded: service.loaded }, 'ready');
  tell({ type: 'ready' });
}
