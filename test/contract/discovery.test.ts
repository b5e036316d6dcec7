import { EventEmitter } from 'node:events';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { fromChildSchema } from '@qwenfleet/core/fleet/channel';
import { emptyHistogram } from '@qwenfleet/core/load/histogram';
import type { Discovery } from '@qwenfleet/router/discovery/discovery';
import { kubeDiscovery } from '@qwenfleet/router/discovery/kube/kube';
import { localDiscovery, type ParentChannel } from '@qwenfleet/router/discovery/local/local';
import { createDiscovery, discoveryNames } from '@qwenfleet/router/discovery/registry';
import { staticDiscovery } from '@qwenfleet/router/discovery/static/static';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/fleet.ts';
import { startWatchApi, type WatchApi } from '../harness/watch-api.ts';

/** One pool and the addresses of its servers, as a source of any kind can say it. */
type Said = { pool: string; contextLength: number; urls: string[] };

type Driver = {
  discovery: Discovery;
  say: (said: Said) => void;
  /** A configuration that is not valid: its pool has no tier. */
  sayWrong: () => void;
  close: () => void;
};

const poolOf = ({ pool, contextLength }: Said): object => ({
  name: pool,
  tier: 'small',
  upstreamModel: 'up',
  engine: 'external',
  contextLength,
  costPerToken: 0.1,
  concurrency: 4,
});

/** The end that a child process has of a channel, in the hands of a test. */
class Channel extends EventEmitter {
  connected = true;
  readonly sent: unknown[] = [];
  send = (message: unknown, done?: (error: Error | null) => void): boolean => {
    this.sent.push(message);
    done?.(null);
    return true;
  };
}

function local(): Driver & { channel: Channel } {
  const channel = new Channel();
  let generation = 0;
  return {
    channel,
    discovery: localDiscovery(channel as unknown as ParentChannel),
    say: (said) => {
      const endpoints = said.urls.map((url) => ({ id: url, url, state: 'ready' }));
      const pools = { [said.pool]: { endpoints, desired: 1, starting: 0, wakeable: false } };
      channel.emit('message', { type: 'config', config: { pools: [poolOf(said)] } });
      channel.emit('message', { type: 'endpoints', snapshot: { generation: (generation += 1), pools } });
    },
    sayWrong: () => channel.emit('message', { type: 'config', config: { pools: [{ name: 'x' }] } }),
    close: () => undefined,
  };
}

/** A router in a cluster: its Secret, its pools and their EndpointSlices. */
async function kube(): Promise<Driver & { api: WatchApi }> {
  const api = await startWatchApi('team');
  const secret = (config: object): void =>
    api.put('secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'router-config' },
      data: { 'config.json': Buffer.from(JSON.stringify(config)).toString('base64') },
    });
  return {
    api,
    discovery: kubeDiscovery({ secretName: 'router-config', credentials: { from: 'file', file: api.kubeconfig } }),
    say: (said) => {
      secret({ pools: [poolOf(said)] });
      api.put('qwendeployments', {
        apiVersion: 'qwenfleet.io/v1alpha1',
        kind: 'QwenDeployment',
        metadata: { name: said.pool },
        spec: { scaling: {} },
        status: { rollout: { currentRevision: 'abc' } },
      });
      api.put('endpointslices', {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `${said.pool}-1`, labels: { 'kubernetes.io/service-name': said.pool } },
        addressType: 'FQDN',
        ports: [{ name: 'http', port: 80 }],
        endpoints: said.urls.map((url) => ({ addresses: [new URL(url).host], conditions: { ready: true } })),
      });
    },
    sayWrong: () => secret({ pools: [{ name: 'x' }] }),
    close: api.stop,
  };
}

function file(): Driver & { path: string; signals: EventEmitter } {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-discovery-'));
  const filePath = path.join(folder, 'router.yaml');
  const signals = new EventEmitter();
  const write = (value: object): void => writeFileSync(filePath, JSON.stringify(value));
  return {
    path: filePath,
    signals,
    discovery: staticDiscovery({ file: filePath, signals: signals as unknown as NodeJS.Process, lookEveryMs: 20 }),
    say: (said) => write({ pools: [{ ...poolOf(said), endpoints: said.urls }] }),
    sayWrong: () => write({ pools: [{ name: 'x' }] }),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

type Seen = { configs: RouterConfig[]; snapshots: EndpointSnapshot[]; refused: string[]; stops: string[] };

let cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups) cleanup();
  cleanups = [];
});

function started<D extends Driver>(driver: D): D & { seen: Seen } {
  const seen: Seen = { configs: [], snapshots: [], refused: [], stops: [] };
  cleanups.push(() => driver.discovery.close(), driver.close);
  driver.discovery.start({
    config: (config) => seen.configs.push(config),
    endpoints: (snapshot) => seen.snapshots.push(snapshot),
    refused: (error) => seen.refused.push(error.message),
    stop: (how) => seen.stops.push(how),
  });
  return { ...driver, seen };
}

const first: Said = { pool: 'small', contextLength: 1_000, urls: ['http://a'] };
const second: Said = { pool: 'large', contextLength: 2_000, urls: ['http://b', 'http://c'] };
const isSo = (condition: () => boolean): Promise<boolean> => eventually(async () => condition(), Boolean, 10_000, 5);
/** For what must not happen: longer than a source needs to be looked at several times. */
const awhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

const makers: Record<string, () => Driver | Promise<Driver>> = {
  local,
  kube,
  static: () => {
    const driver = file();
    driver.say(first);
    return driver;
  },
};

describe('the discoveries', () => {
  it('that are registered are all held to the contract', () => {
    expect(Object.keys(makers)).toEqual(discoveryNames);
  });
});

describe.each(Object.entries(makers))('the %s discovery', (name, make) => {
  /** In a cluster, addresses come with their port. */
  const addressOf = (url: string): string => (name === 'kube' ? `${url}:80` : url);

  it('goes by its name', async () => {
    const driver = await make();
    cleanups.push(driver.close);
    expect(driver.discovery.name).toBe(name);
  });

  it('tells a whole configuration, with every default, and where the servers are', async () => {
    const { seen, say } = started(await make());
    say(first);
    await isSo(() => seen.snapshots.length > 0);
    expect(seen.configs[0]).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      timeouts: { connectMs: 2_000 },
      pools: [{ name: 'small', contextLength: 1_000, hold: { queueMax: 1_000 } }],
    });
    expect(seen.snapshots[0]?.pools['small']?.endpoints).toMatchObject([
      { url: addressOf('http://a'), state: 'ready' },
    ]);
    expect(seen.refused).toEqual([]);
  });

  it('tells every change, each list newer than the one before', async () => {
    const { seen, say } = started(await make());
    say(first);
    await isSo(() => seen.snapshots.length > 0);
    say(second);
    await isSo(
      () => seen.configs.at(-1)?.pools[0]?.name === 'large' && seen.snapshots.at(-1)?.pools['large'] !== undefined,
    );
    expect(seen.snapshots.at(-1)?.pools['large']?.endpoints).toHaveLength(2);
    const generations = seen.snapshots.map(({ generation }) => generation);
    expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b));
  });

  it('keeps the name of a server that stays', async () => {
    const { seen, say } = started(await make());
    say(first);
    await isSo(() => seen.snapshots.length > 0);
    say({ ...first, urls: ['http://z', 'http://a'] });
    await isSo(() => seen.snapshots.at(-1)?.pools['small']?.endpoints.length === 2);
    const idOfA = (snapshot: EndpointSnapshot | undefined): string | undefined =>
      snapshot?.pools['small']?.endpoints.find(({ url }) => url === addressOf('http://a'))?.id;
    expect(idOfA(seen.snapshots.at(-1))).toBe(idOfA(seen.snapshots[0]));
  });

  it('says what is wrong with a configuration, tells nothing of it, and goes on', async () => {
    const { seen, say, sayWrong } = started(await make());
    say(first);
    await isSo(() => seen.configs.length > 0);
    sayWrong();
    await isSo(() => seen.refused.length > 0);
    expect(seen.refused[0]).toMatch(/pools\[0\]\.tier/);
    expect(seen.configs.every(({ pools }) => pools[0]?.name === 'small')).toBe(true);
    say(second);
    await isSo(() => seen.configs.at(-1)?.pools[0]?.name === 'large');
  });

  it('takes everything that a router tells it', async () => {
    const { discovery } = started(await make());
    const report = {
      inFlight: 1,
      held: 2,
      requestsTotal: 3,
      errorsTotal: 0,
      firstByte: emptyHistogram(),
      revisions: {},
    };
    discovery.listening('http://127.0.0.1:8080');
    discovery.load?.({ small: report });
    discovery.wake('small');
    await discovery.failed({ code: 'EADDRINUSE', message: 'the port is taken' });
  });

  it('tells nothing more once it is closed', async () => {
    const { seen, discovery, say } = started(await make());
    say(first);
    await isSo(() => seen.snapshots.length > 0);
    discovery.close();
    const before = seen.configs.length;
    say(second);
    await awhile();
    expect(seen.configs).toHaveLength(before);
  });
});

describe('the process that started a local router', () => {
  it('is told in words that its schema knows', async () => {
    const { discovery, channel } = started(local());
    discovery.listening('http://127.0.0.1:8080');
    discovery.wake('small');
    const report = {
      inFlight: 0,
      held: 1,
      requestsTotal: 0,
      errorsTotal: 0,
      firstByte: emptyHistogram(),
      revisions: {},
    };
    discovery.load?.({ small: report });
    await discovery.failed({ code: 'EADDRINUSE', message: 'the port is taken' });
    const types = channel.sent.map((message) => fromChildSchema.parse(message).type);
    expect(types).toEqual(['listening', 'ready', 'wake', 'load', 'failed']);
  });

  it('may ask it to finish, and takes it along when it ends itself', () => {
    const { channel, seen } = started(local());
    channel.emit('message', { type: 'drain' });
    channel.emit('disconnect');
    expect(seen.stops).toEqual(['drain', 'now']);
  });

  it('is told nothing once it is gone', async () => {
    const { channel, discovery } = started(local());
    channel.connected = false;
    discovery.wake('small');
    await discovery.failed({ code: 'x', message: 'y' });
    expect(channel.sent).toEqual([]);
  });

  it('may speak of things that this version does not know', () => {
    const { channel, seen } = started(local());
    channel.emit('message', { type: 'news' });
    channel.emit('message', 'hello');
    expect(seen).toEqual({ configs: [], snapshots: [], refused: [], stops: [] });
  });
});

describe('a router in a cluster', () => {
  const scalePath = '/apis/apps/v1/namespaces/team/deployments/small-abc/scale';
  const scale = (replicas: number): object => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'small-abc', namespace: 'team', resourceVersion: '7' },
    spec: { replicas },
  });

  it('wakes a pool at zero through the scale subresource, if nobody else has since', async () => {
    const driver = await kube();
    driver.api.objects.set(scalePath, scale(0));
    driver.say(first);
    const { seen, discovery, api } = started(driver);
    await isSo(() => seen.snapshots.length > 0);
    discovery.wake('small');
    await isSo(() => api.patches.length > 0);
    expect(api.patches).toEqual([
      { path: scalePath, body: { metadata: { resourceVersion: '7' }, spec: { replicas: 1 } } },
    ]);
  });

  it('writes nothing for a pool that is awake, and nothing for one that it does not know', async () => {
    const driver = await kube();
    driver.api.objects.set(scalePath, scale(2));
    driver.say(first);
    const { seen, discovery, api } = started(driver);
    await isSo(() => seen.snapshots.length > 0);
    discovery.wake('small');
    discovery.wake('absent');
    await awhile();
    expect(api.patches).toEqual([]);
  });
});

describe('a configuration file', () => {
  it('is read again at once on SIGHUP', async () => {
    const driver = file();
    driver.say(first);
    const slow = staticDiscovery({
      file: driver.path,
      signals: driver.signals as unknown as NodeJS.Process,
      lookEveryMs: 3_600_000,
    });
    const { seen, signals } = started({ ...driver, discovery: slow });
    await isSo(() => seen.configs.length === 1);
    driver.say(second);
    signals.emit('SIGHUP');
    await isSo(() => seen.configs.at(-1)?.pools[0]?.name === 'large');
  });

  it('is read again when the link to it is turned, as a mounted ConfigMap does', async () => {
    const driver = file();
    const { seen } = started(driver);
    const folder = path.dirname(driver.path);
    const version = (name: string, said: Said): void => {
      writeFileSync(path.join(folder, name), JSON.stringify({ pools: [{ ...poolOf(said), endpoints: said.urls }] }));
      symlinkSync(name, path.join(folder, 'link'));
      renameSync(path.join(folder, 'link'), driver.path);
    };
    version('one', first);
    await isSo(() => seen.configs.at(-1)?.pools[0]?.name === 'small');
    version('two', second);
    await isSo(() => seen.configs.at(-1)?.pools[0]?.name === 'large');
  });

  it('may be YAML, with revisions and weights', async () => {
    const driver = file();
    writeFileSync(
      driver.path,
      [
        'pools:',
        '  - {name: small, tier: small, upstreamModel: up, engine: external, contextLength: 100, costPerToken: 0, concurrency: 1,',
        '     weights: {canary: 5}, endpoints: [http://a, {url: "http://b", revision: canary}]}',
      ].join('\n'),
    );
    const { seen } = started(driver);
    await isSo(() => seen.snapshots.length > 0);
    expect(seen.configs[0]?.pools[0]?.weights).toEqual({ canary: 5 });
    expect(seen.snapshots[0]?.pools['small']?.endpoints).toMatchObject([{ url: 'http://a' }, { revision: 'canary' }]);
  });

  it.each([
    ['pools: [', /not valid YAML/],
    ['pools: []', /pools/],
    [JSON.stringify({ pools: [{ ...poolOf(first), endpoints: ['ftp://a'] }] }), /endpoints\[0\]/],
    [JSON.stringify({ pools: [first, first].map((said) => ({ ...poolOf(said), endpoints: said.urls })) }), /same name/],
    [JSON.stringify({ pools: [{ ...poolOf(first), endpoints: [], weights: { a: 60, b: 60 } }] }), /more than 100/],
    [JSON.stringify({ portt: 1, pools: [{ ...poolOf(first), endpoints: [] }] }), /portt/],
  ])('such as %s is refused in words', async (text, words) => {
    const driver = file();
    writeFileSync(driver.path, text);
    const { seen } = started(driver);
    await isSo(() => seen.refused.length > 0);
    expect(seen.refused[0]).toMatch(words);
    expect(seen.configs).toEqual([]);
  });

  it('that is not there is said to be', async () => {
    const { seen } = started(file());
    await isSo(() => seen.refused.length > 0);
    expect(seen.refused[0]).toMatch(/router\.yaml cannot be read \(ENOENT\)/);
  });
});

describe('a discovery that cannot be made', () => {
  const parts = { file: undefined, secret: undefined, namespace: undefined, process };
  it.each([
    ['nowhere', /there is local, kube, static/],
    ['static', /--config FILE/],
    ['kube', /--config-secret NAME/],
  ])('%s says why', (name, words) => {
    expect(() => createDiscovery(name, parts)).toThrow(words);
  });

  it('local says who starts a router', () => {
    const alone = Object.assign(new EventEmitter(), { connected: false, send: undefined });
    expect(() => localDiscovery(alone as unknown as ParentChannel)).toThrow(/qwenfleet up/);
  });
});
