import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RuleGroup } from '@qwenfleet/core/slo/rule';
import { stringify } from 'yaml';
import { eventually, freePort } from '../fleet.ts';

export type Sample = { labels: Record<string, string>; value: number };

export type RunningPrometheus = {
  url: string;
  /** What an expression gives now. Throws with what Prometheus says of it when it is not valid. */
  query: (expr: string) => Promise<Sample[]>;
  /** Names of all series that it holds. */
  names: () => Promise<Set<string>>;
  /** Pods of what it scrapes and could reach last time. */
  podsUp: () => Promise<string[]>;
  /** Names of the alerts that fire. */
  firing: () => Promise<string[]>;
  stop: () => Promise<void>;
};

export type PrometheusOptions = {
  program: string;
  /** For its HTTP service discovery. */
  targetsUrl: string;
  groups: readonly RuleGroup[];
  scrapeSeconds: number;
};

const readyWithinMs = 60_000;

/** Starts a Prometheus of our own, with its data in a folder that goes with it, and waits until it answers. */
export async function startPrometheus({
  program,
  targetsUrl,
  groups,
  scrapeSeconds,
}: PrometheusOptions): Promise<RunningPrometheus> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-prometheus-'));
  const pace = `${scrapeSeconds}s`;
  const config = {
    global: { scrape_interval: pace, scrape_timeout: pace, evaluation_interval: pace },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: 'qwenfleet', http_sd_configs: [{ url: targetsUrl, refresh_interval: pace }] }],
  };
  writeFileSync(path.join(folder, 'prometheus.yaml'), stringify(config));
  writeFileSync(path.join(folder, 'rules.yaml'), stringify({ groups }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['--config.file=prometheus.yaml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`];
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const isReady = (): Promise<boolean> =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(isReady, (ready) => ready || child.exitCode !== null, readyWithinMs);
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, ...questions(url), stop };
}

type Answer<T> = { status: 'success'; data: T } | { status: 'error'; error: string };

function questions(url: string): Pick<RunningPrometheus, 'query' | 'names' | 'podsUp' | 'firing'> {
  const ask = async <T>(route: string, query: Record<string, string> = {}): Promise<T> => {
    const response = await fetch(`${url}/api/v1/${route}?${new URLSearchParams(query).toString()}`);
    // As its HTTP API is described.
    const answer = (await response.json()) as Answer<T>;
    if (answer.status === 'error') throw new Error(`${answer.error}: ${JSON.stringify(query)}`);
    return answer.data;
  };
  return {
    query: async (expr) => {
      type Vector = { result: { metric: Record<string, string>; value: [number, string] }[] };
      const { result } = await ask<Vector>('query', { query: expr });
      return result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
    },
    names: async () => new Set(await ask<string[]>('label/__name__/values')),
    podsUp: async () => {
      type Targets = { activeTargets: { labels: Record<string, string>; health: string }[] };
      const { activeTargets } = await ask<Targets>('targets', { state: 'active' });
      return activeTargets.flatMap(({ labels, health }) => (health === 'up' ? (labels['pod'] ?? []) : []));
    },
    firing: async () => {
      type Alerts = { alerts: { labels: Record<string, string>; state: string }[] };
      const { alerts } = await ask<Alerts>('alerts');
      return alerts.flatMap(({ labels, state }) => (state === 'firing' ? (labels['alertname'] ?? []) : []));
    },
  };
}
