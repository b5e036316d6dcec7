import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { createLogger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { readTracingConfig } from '@qwenfleet/core/telemetry/config';
import { openTracer } from '@qwenfleet/core/telemetry/tracing';
import type { Discovery } from './discovery/discovery.ts';
import { createApp } from './http/app.ts';
import { listen, type Listening } from './http/server.ts';
import { LoadReporter } from './load-reporter.ts';
import { RouterService } from './service.ts';

export type ProgramParts = {
  clock: Clock;
  rng: Rng;
  /** Ends the process. */
  exit: (code: number) => void;
  /** One line for the person who started it. */
  complain: (line: string) => void;
};

/** The router as a process: it begins with the first configuration that a discovery tells, and ends when it is told to. */
export class RouterProgram {
  readonly #discovery: Discovery;
  readonly #parts: ProgramParts;
  #service: RouterService | undefined;
  #listening: Listening | undefined;
  #reporter: LoadReporter | undefined;
  #early: EndpointSnapshot | undefined;
  #stopping = false;

  constructor(discovery: Discovery, parts: ProgramParts) {
    this.#discovery = discovery;
    this.#parts = parts;
  }

  start(): void {
    this.#discovery.start({
      config: (config) => this.#configure(config),
      refused: (error) => this.#refused(error),
      endpoints: (snapshot) => {
        if (this.#service) this.#service.fleet.update(snapshot);
        else this.#early = snapshot;
      },
      stop: (how) => {
        if (how === 'now') this.#parts.exit(0);
        else void this.stop();
      },
    });
  }

  /** Finishes what runs, then exits. Asked again, it exits at once. */
  async stop(): Promise<void> {
    if (this.#stopping) return this.#parts.exit(1);
    this.#stopping = true;
    await this.#service?.drain();
    this.#listening?.close();
    this.#reporter?.stop();
    this.#discovery.close();
    await this.#service?.tracer.close();
    this.#parts.exit(0);
  }

  #configure(config: RouterConfig): void {
    if (!this.#service) return void this.#begin(config);
    const { port } = config.listen;
    const bound = Number(new URL(this.#listening?.url ?? 'http://unbound:0').port);
    if (port !== 0 && bound !== 0 && port !== bound)
      this.#service.log.warn({ port, bound }, 'the address changes only with a restart; everything else is taken');
    try {
      this.#service.configure(config);
    } catch (error) {
      this.#refused(asFleetError(error));
    }
  }

  #refused(error: FleetError): void {
    if (this.#service) this.#service.refused(error);
    else void this.#giveUp(error, 2);
  }

  async #begin(config: RouterConfig): Promise<void> {
    const { clock, rng } = this.#parts;
    const log = createLogger('router', config.logLevel);
    let service: RouterService;
    try {
      service = new RouterService({ config, clock, rng, log, onWake: (pool) => this.#wake(pool) });
    } catch (error) {
      return this.#giveUp(asFleetError(error), 2);
    }
    this.#service = service;
    const { load } = this.#discovery;
    if (load) this.#reporter = new LoadReporter(service.fleet, clock, load);
    if (this.#early) service.fleet.update(this.#early);
    try {
      service.tracer = await openTracer(config.tracing ?? readTracingConfig(), { service: 'qwenfleet-router', log });
      this.#listening = await listen(createApp(service), config.listen);
    } catch (error) {
      if (error instanceof FleetError) return this.#giveUp(error, 2);
      // What a server emits when its port cannot be had.
      const { code = 'internal', message } = error as NodeJS.ErrnoException;
      return this.#giveUp({ code, message: `the router cannot listen: ${message}` }, 1);
    }
    const { url } = this.#listening;
    log.info({ url, discovery: this.#discovery.name, pools: config.pools.map(({ name }) => name) }, 'listening');
    this.#discovery.listening(url);
    this.#reporter?.start();
  }

  /** Whoever runs the router is told why before the process ends. */
  async #giveUp({ code, message }: { code: string; message: string }, exitCode: number): Promise<void> {
    this.#parts.complain(message);
    await this.#discovery.failed({ code, message });
    this.#parts.exit(exitCode);
  }

  /** The report first: whoever wakes the pool wants to know what it is for. */
  #wake(pool: string): void {
    this.#reporter?.report();
    this.#discovery.wake(pool);
  }
}
