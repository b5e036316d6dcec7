import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlFileOf, type ControlFile } from '@qwenfleet/operator/local/control-server';
import type { LocalStatus } from '@qwenfleet/operator/local/status';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { startFleet, type RunningFleet } from './fleet.ts';

/** Objectives that a fleet which works keeps to, and that a broken one breaks. */
export const objectives = { availability: '99', ttftP95: '30s', itlP95: '10s', window: '1d' };

export const clientName = 'alice';
const clientKey = 'sk-alice-of-the-test';

/** Two pools that answer, and one whose server is not there. */
const fleetFile = (checkpoint: string): string => {
  const pool = (name: string, spec: object): object => ({
    apiVersion: 'qwenfleet.io/v1alpha1',
    kind: 'QwenDeployment',
    metadata: { name },
    spec,
  });
  const own = {
    model: { uri: `file://${checkpoint}` },
    quantization: 'float32',
    hardware: { class: 'priced' },
    engine: { contextLength: 256, maxConcurrency: 4 },
  };
  const documents = [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'clients' }, stringData: { [clientName]: clientKey } },
    {
      apiVersion: 'qwenfleet.io/v1alpha1',
      kind: 'QwenRouter',
      metadata: { name: 'router' },
      spec: { keys: [{ secretRef: { name: 'clients' } }], metrics: { clients: true } },
    },
    {
      apiVersion: 'qwenfleet.io/v1alpha1',
      kind: 'HardwareClass',
      metadata: { name: 'priced' },
      spec: { pricePerHour: '3.60', resources: { cpu: '1', memory: '1Gi' } },
    },
    pool('small', {
      ...own,
      tier: 'small',
      slo: objectives,
      scaling: { minReplicas: 1, maxReplicas: 2, target: { metric: 'Concurrency', value: 1 } },
    }),
    pool('large', { ...own, tier: 'large', replicas: 1 }),
    pool('gone', {
      tier: 'medium',
      engine: { type: 'external', url: 'http://127.0.0.1:9', pricePerMillionTokens: '1' },
    }),
  ];
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
};

export type ObservedFleet = {
  fleet: RunningFleet;
  targetsUrl: string;
  apiKey: string;
  status: () => Promise<LocalStatus>;
  stop: () => Promise<void>;
};

/** A fleet of tiny models on this machine, with its address for scraping. */
export async function startObservedFleet(): Promise<ObservedFleet> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-observed-'));
  const checkpoint = publishedCheckpoint();
  const file = path.join(folder, 'fleet.yaml');
  writeFileSync(file, fleetFile(checkpoint));
  const env = { QWENFLEET_CACHE: path.join(folder, 'cache') };
  const fleet = await startFleet({ args: ['--fleet', file], env });
  // Written by the fleet that has just started.
  const { control, token } = JSON.parse(readFileSync(controlFileOf(fleet.stateDir, fleet.port), 'utf8')) as ControlFile;
  const headers = { authorization: `Bearer ${token}` };
  return {
    fleet,
    targetsUrl: `${control}/targets`,
    apiKey: clientKey,
    status: async () => (await (await fetch(`${control}/status`, { headers })).json()) as LocalStatus,
    stop: async () => {
      await fleet.stop();
      for (const made of [folder, path.dirname(checkpoint)]) rmSync(made, { recursive: true, force: true });
    },
  };
}

const messages = [
  { role: 'system', content: 'You are a helper who answers briefly, and who always begins with a greeting.' },
  { role: 'user', content: 'Tell a tale.' },
];
const headers = { 'content-type': 'application/json', authorization: `Bearer ${clientKey}` };
const pauseMs = 20;
/** Of what cannot be answered. */
const seldomMs = 500;

/** Everything that clients do to a fleet, over and over, until it is told to stop: also what is refused or fails. */
export class EveryKindOfLoad {
  readonly #url: string;
  readonly #working: Promise<void>[];
  #goes = true;

  constructor(url: string) {
    this.#url = url;
    const streamed = { model: 'small', stream: true, stream_options: { include_usage: true } };
    this.#working = [
      ...[streamed, streamed, streamed].map((ask) => this.#again(ask, pauseMs)),
      ...['auto', 'large', 'large'].map((model) => this.#again({ model }, pauseMs)),
      ...['gone', 'nobody'].map((model) => this.#again({ model }, seldomMs)),
    ];
  }

  async stop(): Promise<void> {
    this.#goes = false;
    await Promise.all(this.#working);
  }

  async #again(ask: object, everyMs: number): Promise<void> {
    const body = JSON.stringify({ messages, max_tokens: 48, ...ask });
    while (this.#goes) {
      // What fails is part of the load.
      const answer = await fetch(`${this.#url}/v1/chat/completions`, { method: 'POST', headers, body }).catch(
        () => undefined,
      );
      await answer?.text().catch(() => undefined);
      await sleep(everyMs);
    }
  }
}
