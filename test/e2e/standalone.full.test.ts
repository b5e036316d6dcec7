import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fromChildSchema } from '@qwenfleet/core/fleet/channel';
import { routerLoadSchema } from '@qwenfleet/core/load/pool-report';
import {
  beginStream,
  chunk,
  completes,
  serveUpstream,
  type Call,
  type Upstream,
} from '@qwenfleet/router/harness/upstream';
import { afterEach, describe, expect, it } from 'vitest';
import { post, streamChat, user } from '../harness/chat.ts';
import { eventually, freePort } from '../harness/fleet.ts';
import { root } from '../house/imports.ts';

let folders: string[] = [];
let children: ChildProcess[] = [];
let upstreams: Upstream[] = [];
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  [children, upstreams, folders] = [[], [], []];
});

function newFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-standalone-'));
  folders.push(folder);
  return path.join(folder, 'router.yaml');
}

type Running = {
  url: string;
  child: ChildProcess;
  exited: Promise<number | null>;
  stderr: () => string;
  write: (pools: object[], settings?: object) => void;
};

const poolOf = (name: string, servers: readonly (Upstream | object)[], rest: object = {}): object => ({
  name,
  tier: 'small',
  upstreamModel: 'up',
  engine: 'external',
  contextLength: 4_096,
  costPerToken: 0.1,
  concurrency: 16,
  endpoints: servers.map((server) => ('calls' in server ? server.url : server)),
  ...rest,
});

/** `node router/main.ts --config FILE`, as somebody runs it who has no operator. */
async function startStandalone(pools: object[], settings: object = {}): Promise<Running> {
  const port = await freePort();
  const file = newFile();
  const write: Running['write'] = (next, more = {}) =>
    writeFileSync(file, JSON.stringify({ listen: { port }, ...settings, ...more, pools: next }));
  write(pools);
  const running = { ...run(['--config', file]), url: `http://127.0.0.1:${port}`, write };
  await eventually(
    () =>
      fetch(`${running.url}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    Boolean,
    30_000,
  );
  return running;
}

function run(args: string[]): Omit<Running, 'url' | 'write'> {
  const child = spawn(process.execPath, ['router/main.ts', ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  return { child, stderr: () => said, exited: once(child, 'exit').then(([code]) => code as number | null) };
}

async function upstreamWith(...args: Parameters<typeof serveUpstream>): Promise<Upstream> {
  const upstream = await serveUpstream(...args);
  upstreams.push(upstream);
  return upstream;
}

const ask = (model = 'small') => ({ model, messages: [user('Hello')] });

describe('a router with a file instead of an operator', () => {
  it('serves its pools, takes a change on SIGHUP while it answers, and keeps what it has when the file is wrong', async () => {
    const [first, second] = [await upstreamWith(), await upstreamWith()];
    const router = await startStandalone([poolOf('small', [first])]);
    let over = false;
    const seen: number[] = [];
    const load = (async () => {
      while (!over) seen.push((await post(`${router.url}/v1/chat/completions`, ask())).status);
    })();
    for (let round = 0; round < 10; round += 1) {
      router.write([poolOf('small', [round % 2 === 0 ? second : first]), poolOf(`added-${round}`, [second])]);
      router.child.kill('SIGHUP');
      await eventually(
        async () => (await post(`${router.url}/v1/chat/completions`, ask(`added-${round}`))).status,
        (status) => status === 200,
        10_000,
      );
    }
    router.write([{ name: 'broken' }]);
    router.child.kill('SIGHUP');
    await eventually(
      async () => router.stderr(),
      (text) => text.includes('pools[0].tier'),
      10_000,
    );
    expect((await post(`${router.url}/v1/chat/completions`, ask('added-9'))).status).toBe(200);
    over = true;
    await load;
    expect(seen.filter((status) => status !== 200)).toEqual([]);
    const metrics = await (await fetch(`${router.url}/metrics`)).text();
    expect(metrics).toContain('qwenfleet_router_config_reloads_total{outcome="refused"} 1');
    process.stdout.write(`${seen.length} answers over ten changes, none lost\n`);
  });

  it('notices by itself when the file changes', async () => {
    const upstream = await upstreamWith();
    const router = await startStandalone([poolOf('small', [upstream])]);
    router.write([poolOf('renamed', [upstream])]);
    await eventually(
      async () => (await post(`${router.url}/v1/chat/completions`, ask('renamed'))).status,
      (status) => status === 200,
      20_000,
    );
  });

  it('on SIGTERM is unready first, lets a stream end, and exits well', async () => {
    const open: Call[] = [];
    const upstream = await upstreamWith((call) => {
      open.push(call);
      beginStream(call.response);
      call.response.write(chunk({ role: 'assistant', content: 'Once' }));
    });
    const router = await startStandalone([poolOf('small', [upstream])], {
      drain: { noticeMs: 1_500, graceMs: 30_000 },
    });
    const running = streamChat(router.url, ask());
    await eventually(
      async () => open.length,
      (count) => count === 1,
      10_000,
    );
    router.child.kill('SIGTERM');
    await eventually(
      async () => (await fetch(`${router.url}/health/ready`)).status,
      (status) => status === 503,
      10_000,
    );
    expect((await fetch(`${router.url}/health/live`)).status).toBe(200);
    await eventually(
      async () => (await post(`${router.url}/v1/chat/completions`, { ...ask(), model: 'nothing' })).status,
      (status) => status === 503,
      20_000,
    );
    open[0]?.response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
    expect(await running).toMatchObject({ done: true, text: 'Once' });
    expect(await router.exited).toBe(0);
  });

  it('sends a canary its share, says so, and reports it by itself', async () => {
    const [stable, canary] = [await upstreamWith(completes()), await upstreamWith(completes())];
    const endpoints = [
      { url: stable.url, revision: 'v1' },
      { url: canary.url, revision: 'v2' },
    ];
    const router = await startStandalone([poolOf('small', endpoints, { weights: { v2: 25 } })]);
    const revisions: (string | null)[] = [];
    for (let count = 0; count < 120; count += 1)
      revisions.push((await streamChat(router.url, ask())).headers.get('x-qwenfleet-revision'));
    const hits = revisions.filter((revision) => revision === 'v2').length;
    expect(revisions.filter((revision) => revision === 'v1')).toHaveLength(120 - hits);
    expect(hits).toBeGreaterThan(10);
    expect(hits).toBeLessThan(60);
    const { pools } = routerLoadSchema.parse(await (await fetch(`${router.url}/load`)).json());
    expect(pools['small']).toMatchObject({
      requestsTotal: 120,
      errorsTotal: 0,
      revisions: { v2: { requestsTotal: hits } },
    });
  });
});

describe('a router with a parent', () => {
  it('takes another configuration from it, keeps what it has when one is wrong, and ends with it', async () => {
    const upstream = await upstreamWith();
    const child = fork('router/main.ts', [], { cwd: root, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    children.push(child);
    let said = '';
    child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
    const listening = new Promise<string>((resolve) => {
      child.on('message', (message) => {
        const parsed = fromChildSchema.parse(message);
        if (parsed.type === 'listening') resolve(parsed.url);
      });
    });
    const configOf = (...names: string[]): object => ({
      listen: { port: 0 },
      pools: names.map((name) => {
        const { endpoints: _endpoints, ...config } = poolOf(name, []) as Record<string, unknown>;
        return config;
      }),
    });
    const endpoints = [{ id: 'a', url: upstream.url, state: 'ready' }];
    const seen = { endpoints, desired: 1, starting: 0, wakeable: false };
    child.send({ type: 'endpoints', snapshot: { generation: 1, pools: { small: seen, later: seen } } });
    child.send({ type: 'config', config: configOf('small') });
    const url = await listening;
    const statusOf = async (model: string): Promise<number> =>
      (await post(`${url}/v1/chat/completions`, ask(model))).status;
    expect([await statusOf('small'), await statusOf('later')]).toEqual([200, 404]);
    child.send({ type: 'config', config: configOf('small', 'later') });
    await eventually(
      () => statusOf('later'),
      (status) => status === 200,
      10_000,
    );
    child.send({ type: 'config', config: { pools: [{ name: 'broken' }] } });
    await eventually(
      async () => said,
      (text) => text.includes('pools[0].tier'),
      10_000,
    );
    expect(await statusOf('later')).toBe(200);
    const exited = once(child, 'exit');
    child.disconnect();
    expect((await exited)[0]).toBe(0);
  });
});

describe('a router that cannot start', () => {
  it.each<[string, () => string[], RegExp]>([
    ['without a file or a parent', () => [], /Usage: node router\/main\.ts/],
    ['with a flag that there is not', () => ['--confg', 'x'], /--confg/],
    ['with a discovery that there is not', () => ['--discovery', 'nowhere'], /local, kube, static/],
    ['with a file that is not there', () => ['--config', '/nonexistent/router.yaml'], /cannot be read \(ENOENT\)/],
    [
      'with a file that is wrong',
      () => {
        const file = newFile();
        writeFileSync(file, 'pools: [{name: small, tier: huge}]');
        return ['--config', file];
      },
      /pools\[0\]\.tier/,
    ],
  ])('%s says why and exits with 2', async (_name, args, words) => {
    const { exited, stderr } = run(args());
    expect(await exited).toBe(2);
    expect(stderr()).toMatch(words);
  });
});
