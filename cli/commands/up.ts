import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@qwenfleet/core/clock';
import { createLogger, silentLogger } from '@qwenfleet/core/log';
import { LocalFleet } from '@qwenfleet/operator/local/fleet';
import type { LocalStatus, PoolStatus } from '@qwenfleet/operator/local/status';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { hubAnswers } from '@qwenfleet/runtime/source/hf/reachable';
import type { CliConfig } from '../config.ts';
import type { Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { renderGreeting } from '../up/greeting.ts';
import { aborted, watchInterrupts } from '../up/interrupts.ts';
import { defaultFleetFile, loadFleet } from '../up/load-fleet.ts';
import { assertPortFree } from '../up/port.ts';
import { chooseProfile, type Profile, type ProfileChoice } from '../up/profile.ts';
import { pullWeights } from '../up/pull-weights.ts';

export type UpOptions = {
  profile?: Profile | undefined;
  fleet?: string | undefined;
  /** As the router's spec says when left out. */
  port?: number | undefined;
  /** See `LocalFleetOptions`. */
  metricsPort?: number | undefined;
  terminal: Terminal;
  config: CliConfig;
};

const host = '127.0.0.1';
const lookEveryMs = 100;
const rooms = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const entries = { router: path.join(rooms, 'router/main.ts'), runtime: path.join(rooms, 'runtime/main.ts') };

/** Starts a fleet as processes of this machine, says where it is, and serves until it is asked to stop. */
export async function up(options: UpOptions): Promise<Exit> {
  const { terminal, config } = options;
  const choice = await choose(options);
  const fleet = await loadFleet([options.fleet ?? defaultFleetFile], choice?.profile);
  const port = options.port ?? fleet.router.spec.listen.port;
  await assertPortFree(port, host);
  if (options.metricsPort !== undefined) await assertPortFree(options.metricsPort, host);
  if (choice) terminal.talk(`Profile ${choice.profile}: ${choice.why}.`);
  const interrupts = watchInterrupts();
  try {
    await pullWeights(fleet, { config, terminal, signal: interrupts.asked });
    const local = new LocalFleet({
      fleet,
      entries,
      listen: { host, port },
      metricsPort: options.metricsPort,
      cacheDir: config.cacheDir,
      stateDir: config.stateDir,
      clock: systemClock,
      rng: Math.random,
      log: config.logLevel === undefined ? silentLogger : createLogger('operator', config.logLevel),
    });
    interrupts.onAgain(() => local.kill());
    try {
      await serve(local, { choice, terminal, asked: interrupts.asked });
    } finally {
      terminal.talk('Stopping.');
      await local.stop();
    }
    return 'ok';
  } finally {
    interrupts.dispose();
  }
}

/** A file of one's own is run as it is, unless a profile is asked for. */
async function choose({ profile, fleet, config }: UpOptions): Promise<ProfileChoice | undefined> {
  if (fleet !== undefined && profile === undefined) return undefined;
  const source = readSourceConfig(config.cacheDir);
  return chooseProfile(profile, (waitMs) => hubAnswers(source, waitMs));
}

type Serving = { choice: ProfileChoice | undefined; terminal: Terminal; asked: AbortSignal };

async function serve(local: LocalFleet, { choice, terminal, asked }: Serving): Promise<void> {
  const url = await local.start();
  sayWhatIsLeftOut(local, terminal);
  const status = await untilSettled(local, terminal, asked);
  if (asked.aborted) return;
  if (terminal.json) terminal.printJson(status);
  else {
    const pools = status.pools.map((pool) => ({
      name: pool.name,
      state: pool.status,
      serves: pool.model,
      why: whyOf(pool),
    }));
    terminal.print(renderGreeting({ url, profile: choice?.profile, guarded: local.guarded, pools }, terminal));
  }
  await aborted(asked);
}

/** Until each pool answers, or has said why it does not. */
async function untilSettled(local: LocalFleet, terminal: Terminal, asked: AbortSignal): Promise<LocalStatus> {
  const said = new Map<string, string>();
  for (;;) {
    const status = local.status();
    for (const pool of status.pools) sayPhase(pool, said, terminal);
    if (asked.aborted || status.pools.every((pool) => pool.status !== 'starting')) return status;
    await systemClock.sleep(lookEveryMs, asked).catch(() => undefined);
  }
}

/** One line for each phase of a pool's start; the whole reason when it does not. */
function sayPhase(pool: PoolStatus, said: Map<string, string>, terminal: Terminal): void {
  const { name, status, replicas } = pool;
  const phases = { ready: 'ready', unavailable: `unavailable: ${problemOf(pool)}` };
  const phase =
    status === 'ready' || status === 'unavailable'
      ? phases[status]
      : replicas.find(({ progress }) => progress)?.progress?.phase;
  if (phase === undefined || said.get(name) === phase) return;
  said.set(name, phase);
  if (!terminal.json) terminal.talk(`  ${name}: ${phase}`);
}

const jobs = { small: 'easy prompts', medium: 'prompts in between', large: 'hard prompts' } as const;

const problemOf = ({ conditions }: PoolStatus): string =>
  conditions.find(({ type, status }) => type === 'Ready' && status === 'False')?.message ?? 'no replica answers';

/** Why the pool has this model, or what is wrong with it. */
function whyOf(pool: PoolStatus): string {
  const { tier, status, model } = pool;
  if (status === 'unavailable') return problemOf(pool);
  return model.endsWith('float32') && tier === 'small' ? '' : `for ${jobs[tier]}`;
}

function sayWhatIsLeftOut(local: LocalFleet, terminal: Terminal): void {
  for (const { path: field, reason } of local.routerNotActedOn) terminal.talk(`  router ${field}: ${reason}`);
  for (const { name, plan } of local.pools) {
    for (const { path: field, reason } of plan.resolved.notActedOn) terminal.talk(`  ${name} ${field}: ${reason}`);
  }
}
