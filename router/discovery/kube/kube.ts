import { describeError, FleetError } from '@qwenfleet/core/errors';
import { parseConfig } from '@qwenfleet/core/config';
import { routerConfigSchema, type RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { createLogger } from '@qwenfleet/core/log';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { userAgentOf } from '@qwenfleet/kube/client/user-agent';
import { connect, type Connection } from '@qwenfleet/kube/connection/connection';
import type { CredentialSource } from '@qwenfleet/kube/connection/credentials';
import { systemEnvironment, type Environment } from '@qwenfleet/kube/environment';
import { endpointSlices, secrets, type EndpointSlice, type Secret } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector } from '@qwenfleet/kube/reflector/reflector';
import { resource } from '@qwenfleet/kube/resource';
import packageJson from '../../package.json' with { type: 'json' };
import type { Discovery, Heard } from '../discovery.ts';
import { endpointSliceSchema, poolObjectSchema, snapshotOf, serviceLabel } from './snapshot.ts';
import { wakePool } from './wake.ts';

export type KubeDiscoveryOptions = {
  /** The Secret whose entry `config.json` is the router's configuration. */
  secretName: string | undefined;
  /** Where it is; the namespace of the pod or of the kubeconfig's context when left out. */
  namespace?: string | undefined;
  credentials?: CredentialSource;
};

const configEntry = 'config.json';
/** Several changes of one moment become one snapshot. */
const settleMs = 50;
const connectRetryMs = 2_000;
const userAgent = userAgentOf('qwenfleet-router', packageJson.version);

const qwenDeployments = resource<KubeObject>({ apiVersion: 'qwenfleet.io/v1alpha1', kind: 'QwenDeployment' });

/**
 * Hears from the API server: the configuration from a Secret, the pools from QwenDeployments, their servers from
 * EndpointSlices. While the API server is away it says nothing, and the router goes on with what it has.
 * Throws `invalid_config` without the Secret's name.
 */
export function kubeDiscovery(options: KubeDiscoveryOptions): Discovery {
  const { secretName } = options;
  if (secretName === undefined)
    throw new FleetError(
      'invalid_config',
      '--discovery kube needs --config-secret NAME, the Secret that the operator made.',
    );
  const session = new KubeSession({ ...options, secretName });
  return {
    name: 'kube',
    foreground: true,
    start: (heard) => void session.run(heard),
    listening: () => undefined,
    // A pod's end and its logs say enough.
    failed: async () => undefined,
    wake: (pool) => session.wake(pool),
    close: () => session.close(),
  };
}

class KubeSession {
  readonly #options: KubeDiscoveryOptions & { secretName: string };
  readonly #environment: Environment;
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #client: KubeClient | undefined;
  #reflectors: readonly Reflector<never>[] = [];
  #pools: Reflector<KubeObject> | undefined;
  #generation = 0;
  #settling: NodeJS.Timeout | undefined;

  constructor(options: KubeDiscoveryOptions & { secretName: string }) {
    this.#options = options;
    this.#environment = systemEnvironment({ log: createLogger('discovery') });
  }

  async run(heard: Heard): Promise<void> {
    const connection = await this.#connect();
    if (!connection) return;
    this.#connection = connection;
    const client = KubeClient.over({ connection, userAgent }, this.#environment);
    this.#client = client;
    const namespace = this.#namespace;
    const { secretName } = this.#options;
    const config = new Reflector<Secret>(
      {
        name: 'secrets',
        source: listWatch(client, secrets, { namespace, fieldSelector: `metadata.name=${secretName}` }),
      },
      this.#environment,
    );
    const slices = new Reflector<EndpointSlice>(
      {
        name: 'endpointslices',
        source: listWatch(client, endpointSlices, { namespace, labelSelector: serviceLabel }),
      },
      this.#environment,
    );
    const pools = new Reflector<KubeObject>(
      { name: 'qwendeployments', source: listWatch(client, qwenDeployments, { namespace }) },
      this.#environment,
    );
    this.#pools = pools;
    // Only started and stopped from here, whatever they hold.
    this.#reflectors = [config, slices, pools] as unknown as readonly Reflector<never>[];
    config.subscribe(({ type, object }) => type !== 'deleted' && tellConfig(object, heard));
    for (const reflector of this.#reflectors) reflector.start();
    // The first lists tell object by object: nothing is said of the whole before both are there.
    await Promise.all([slices.synced, pools.synced]).catch(() => undefined);
    const settle = (): void => this.#settle(slices, pools, heard);
    slices.subscribe(settle);
    pools.subscribe(settle);
    settle();
  }

  wake(pool: string): void {
    const object = this.#pools?.cache.get(`${this.#namespace}/${pool}`);
    const found = poolObjectSchema.safeParse(object);
    if (!this.#client || !found.success) return;
    const at = { namespace: this.#namespace, pool: found.data };
    wakePool(this.#client, at, this.#closing.signal).catch((error: unknown) => {
      // The operator sees the held request too, and asks once a second.
      this.#environment.log.warn({ pool, error: describeError(error) }, 'could not wake a pool');
    });
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#settling);
    void Promise.allSettled(this.#reflectors.map((reflector) => reflector.stop())).then(() =>
      this.#connection?.close(),
    );
  }

  get #namespace(): string {
    return this.#options.namespace ?? this.#connection?.namespace ?? 'default';
  }

  /** A router may be there before its token is: it tries until it is told to stop. */
  async #connect(): Promise<Connection | undefined> {
    const { clock, log } = this.#environment;
    while (!this.#closing.signal.aborted) {
      try {
        return await connect(this.#options.credentials ?? { from: 'default' }, this.#environment);
      } catch (error) {
        log.error({ error: describeError(error) }, 'cannot connect to the API server');
      }
      await clock.sleep(connectRetryMs, this.#closing.signal).catch(() => undefined);
    }
    return undefined;
  }

  #settle(slices: Reflector<EndpointSlice>, pools: Reflector<KubeObject>, heard: Heard): void {
    if (this.#closing.signal.aborted) return;
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#generation += 1;
      const readable = <T>(each: T | undefined): each is T => each !== undefined;
      const objects = pools.cache.list().map((object) => poolObjectSchema.safeParse(object).data);
      const lists = slices.cache.list().map((object) => endpointSliceSchema.safeParse(object).data);
      heard.endpoints(snapshotOf(objects.filter(readable), lists.filter(readable), this.#generation));
    }, settleMs);
  }
}

function tellConfig(secret: Secret, heard: Heard): void {
  try {
    heard.config(readConfig(secret));
  } catch (error) {
    if (error instanceof FleetError) heard.refused(error);
  }
}

/** Throws `invalid_config` naming every field at fault; nothing of the Secret's other content is said. */
export function readConfig({ metadata, data }: Secret): RouterConfig {
  const what = `Secret ${metadata.name}, ${configEntry}`;
  const text = Buffer.from(data?.[configEntry] ?? '', 'base64').toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FleetError('invalid_config', `${what} is not JSON.`);
  }
  return parseConfig(routerConfigSchema, json, what);
}
