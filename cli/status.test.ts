import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { controlFileOf, ControlServer } from '@qwenfleet/operator/local/control-server';
import type { LocalStatus, PoolStatus } from '@qwenfleet/operator/local/status';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { status } from './commands/status.ts';
import { captureTerminal } from './harness/terminal.ts';

const url = 'http://127.0.0.1:8123';
const transition = '2026-01-01T00:00:00.000Z';

const poolOf = (changes: Partial<PoolStatus> = {}): PoolStatus => ({
  name: 'small',
  tier: 'small',
  model: 'Qwen3-0.6B int8',
  status: 'ready',
  ready: 1,
  desired: 1,
  inFlight: 2,
  held: 0,
  restarts: 3,
  lastDecision: '1 to 2: burst',
  replicas: [{ id: 'small-1', pid: 42, state: 'ready', url: 'http://127.0.0.1:9', ageMs: 61_000, restarts: 3 }],
  conditions: [
    { type: 'Ready', status: 'True', reason: 'Serving', message: '1 of 1 replicas', lastTransitionTime: transition },
  ],
  notActedOn: [],
  ...changes,
});

let stateDir: string;
let server: ControlServer | undefined;
beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-status-'));
});
afterEach(() => {
  server?.stop();
  server = undefined;
  rmSync(stateDir, { recursive: true, force: true });
});

async function statusOf(pools: PoolStatus[], options: { json?: boolean; wide?: boolean } = {}): Promise<string> {
  const told: LocalStatus = { url, router: { pid: 7, restarts: 0 }, pools };
  server = await ControlServer.start(stateDir, url, {
    status: () => told,
    metrics: () => Promise.reject(new Error('nobody asks')),
    targets: () => [],
  });
  const { terminal, out } = captureTerminal({ json: options.json ?? false });
  const config = { url: undefined, apiKey: undefined, cacheDir: '/c', logLevel: undefined, stateDir };
  expect(await status({ reach: {}, wide: options.wide ?? false, terminal, config })).toBe('ok');
  return out();
}

describe('status of the fleet on this machine', () => {
  it('as JSON is one line of everything, in a shape that scripts can rely on', async () => {
    const text = await statusOf([poolOf()], { json: true });
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    const told: unknown = JSON.parse(text);
    expect(told).toEqual({
      url,
      router: { pid: 7, restarts: 0 },
      pools: [
        {
          name: 'small',
          tier: 'small',
          model: 'Qwen3-0.6B int8',
          status: 'ready',
          ready: 1,
          desired: 1,
          inFlight: 2,
          held: 0,
          restarts: 3,
          lastDecision: '1 to 2: burst',
          replicas: [{ id: 'small-1', pid: 42, state: 'ready', url: 'http://127.0.0.1:9', ageMs: 61_000, restarts: 3 }],
          conditions: [
            {
              type: 'Ready',
              status: 'True',
              reason: 'Serving',
              message: '1 of 1 replicas',
              lastTransitionTime: transition,
            },
          ],
          notActedOn: [],
        },
      ],
    });
  });

  it('as a table fits eighty columns and names what was decided', async () => {
    const text = await statusOf([poolOf({ model: 'A'.repeat(90), lastDecision: 'B'.repeat(90) })]);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(text).toMatch(/^POOL +TIER +MODEL +STATE +READY +RUN +HELD +RESTARTS\nsmall /);
    expect(text).toContain('LAST DECISION');
    expect(text).not.toContain('REPLICA ');
  });

  it('with --wide has each process', async () => {
    const text = await statusOf([poolOf()], { wide: true });
    expect(text).toMatch(/REPLICA +PID +STATE +AGE +URL\nsmall-1 +42 +ready +61 s +http:\/\/127\.0\.0\.1:9\n$/);
  });

  it('gives the whole reason of a pool that does not answer', async () => {
    const message = `huggingface.co does not answer. ${'Check the network, or try again later. '.repeat(3)}`;
    const failing = poolOf({
      name: 'large',
      status: 'unavailable',
      ready: 0,
      conditions: [
        { type: 'Ready', status: 'False', reason: 'SourceUnavailable', message, lastTransitionTime: transition },
      ],
    });
    const text = await statusOf([poolOf(), failing]);
    expect(text).toContain(`\nlarge: ${message}`);
    expect(text).not.toContain('\nsmall: ');
  });

  it('says how far a start is', async () => {
    const progress = { phase: 'downloading model.gguf', done: 30, total: 120 };
    const replicas = [{ id: 'small-1', pid: 42, state: 'starting', url: undefined, ageMs: 9, restarts: 0, progress }];
    expect(await statusOf([poolOf({ status: 'starting', ready: 0, replicas })])).toContain(
      '\nsmall: downloading model.gguf 25 %\n',
    );
  });
});

describe('a fleet that was killed', () => {
  it('leaves a file that is not taken for a fleet', async () => {
    const dead = { url, control: 'http://127.0.0.1:9', token: 'x', pid: 2 ** 22 - 1 };
    writeFileSync(controlFileOf(stateDir, 8123), JSON.stringify(dead));
    const { terminal } = captureTerminal();
    const config = { url, apiKey: undefined, cacheDir: '/c', logLevel: undefined, stateDir };
    const asked = status({ reach: {}, wide: false, terminal, config });
    await expect(asked).rejects.toMatchObject({ exit: 'unreachable', remedy: expect.stringContaining('npm start') });
  });
});
