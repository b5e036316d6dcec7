import { isDeepStrictEqual } from 'node:util';
import { describeError } from '@qwenfleet/core/errors';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { Discovery } from '@qwenfleet/kube/discovery/discovery';
import type { Environment } from '@qwenfleet/kube/environment';
import type { KubeObject } from '@qwenfleet/kube/object';
import { byOwnerUid } from '@qwenfleet/kube/reflector/indexers';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector } from '@qwenfleet/kube/reflector/reflector';
import type { Change } from '@qwenfleet/kube/reflector/store';
import type { Resource } from '@qwenfleet/kube/resource';
import { slept } from '@qwenfleet/kube/time-limit';
import { managedLabels, selectorText } from '../../specs/labels.ts';
import { noCapabilities, type Capabilities } from '../../specs/capabilities.ts';
import { detect, kindKey } from './detect.ts';

/** How often the API server is asked what it serves: nine small reads, and no right to read CRDs is needed for them. */
const everyMs = 15_000;
/** Sooner after a sign that something has come or gone; a CRD that is deleted is served for a moment still. */
const soonMs = 1_000;
/** A kind whose first list does not come within this is left for the next round; a later one is not waited for. */
const syncMs = 5_000;
/** The API server sends bookmarks each minute. */
const silentMsMax = 120_000;

export type NeighbourParts = {
  client: KubeClient;
  discovery: Discovery;
  namespace: string | undefined;
  environment: Environment;
};

/** Optional neighbours of this cluster as they are now, and caches of what the operator has made for them. */
export class Neighbours {
  readonly #parts: NeighbourParts;
  readonly #followed = new Map<string, Reflector<KubeObject>>();
  readonly #stopping = new AbortController();
  readonly #gate = Promise.withResolvers<void>();
  #capabilities: Capabilities = noCapabilities;
  #onChange: () => void = () => undefined;
  #onChild: (change: Change<KubeObject>) => void = () => undefined;
  #hint = new AbortController();
  #running: Promise<void> | undefined;

  constructor(parts: NeighbourParts) {
    this.#parts = parts;
  }

  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  /** Resolves when it is known for the first time what is there. */
  get known(): Promise<void> {
    return this.#gate.promise;
  }

  /** Objects made for neighbours that the owner controls. */
  childrenOf(uid: string): KubeObject[] {
    return [...this.#followed.values()].flatMap(({ cache }) => [...cache.by('owner', uid)]);
  }

  /** Tells of neighbours that came or went, and of each change of an object that was made for one. */
  subscribe(handlers: { onChange: () => void; onChild: (change: Change<KubeObject>) => void }): void {
    this.#onChange = handlers.onChange;
    this.#onChild = handlers.onChild;
  }

  /**
   * Resolves when what is made for them is at least as new as this call. One that is out of order is not waited for: the
   * rest of the fleet needs its leader. Rejects when this is stopped.
   */
  async refresh(): Promise<void> {
    const { signal } = this.#stopping;
    const all = Promise.allSettled([...this.#followed.values()].map((reflector) => reflector.refresh()));
    const refreshed = new AbortController();
    const late = slept(this.#parts.environment.clock, syncMs, AbortSignal.any([signal, refreshed.signal]));
    await Promise.race([all, late]);
    refreshed.abort();
    signal.throwIfAborted();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#hint.abort();
    this.#gate.resolve();
    await this.#running;
    await Promise.all([...this.#followed.values()].map((reflector) => reflector.stop()));
  }

  /** Something may have come or gone: looks soon. */
  recheck(): void {
    this.#parts.discovery.recheck();
    this.#hint.abort();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts.environment;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const hinted = this.#hint.signal.aborted;
      if (hinted) this.#hint = new AbortController();
      const looked = await this.#look().then(
        () => true,
        (error: unknown) => {
          if (!signal.aborted) log.warn({ error: describeError(error) }, 'could not look for neighbours');
          return false;
        },
      );
      const again = hinted || !looked;
      const waiting = AbortSignal.any([signal, ...(again ? [] : [this.#hint.signal])]);
      await clock.sleep(again ? soonMs : everyMs, waiting).catch(() => undefined);
      if (hinted) this.#parts.discovery.recheck();
    }
  }

  async #look(): Promise<void> {
    const { client, discovery, namespace, environment } = this.#parts;
    const { signal } = this.#stopping;
    // A right that was taken away shows as a cache that hears nothing.
    const followed = new Set([...this.#followed].flatMap(([key, { silentMs }]) => (silentMs < silentMsMax ? key : [])));
    const { log } = environment;
    const { kinds, byVersion } = await detect({ client, discovery, namespace, followed, log, signal });
    await this.#unfollow(new Set([...kinds.values()].flat().map(kindKey)));
    const present = await Promise.all(
      [...kinds].map(async ([name, of]) => {
        // Nothing is built for a neighbour before what has been built for it is known.
        const synced = await Promise.all(of.map((kind) => this.#follow(kind)));
        return [name, synced.every(Boolean)] as const;
      }),
    );
    const capabilities = { ...noCapabilities, ...byVersion, ...Object.fromEntries(present) };
    const changed = !isDeepStrictEqual(capabilities, this.#capabilities);
    this.#capabilities = capabilities;
    this.#gate.resolve();
    if (!changed) return;
    log.info({ neighbours: capabilities }, 'neighbours are others than before');
    this.#onChange();
  }

  async #follow(kind: Resource): Promise<boolean> {
    const { client, namespace, environment } = this.#parts;
    const key = kindKey(kind);
    if (this.#followed.has(key)) return true;
    const source = listWatch(client, kind, { namespace, labelSelector: selectorText(managedLabels) });
    const reflector = new Reflector<KubeObject>(
      { name: kind.plural, source, indexers: { owner: byOwnerUid } },
      environment,
    );
    reflector.subscribe((change) => this.#heard(change));
    reflector.start();
    const limit = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(syncMs)]);
    const late = new Promise<boolean>((resolve) =>
      limit.addEventListener('abort', () => resolve(false), { once: true }),
    );
    const synced = await Promise.race([reflector.synced.then(() => true), late]);
    if (synced) this.#followed.set(key, reflector);
    else await reflector.stop();
    return synced;
  }

  async #unfollow(kept: ReadonlySet<string>): Promise<void> {
    for (const [key, reflector] of this.#followed) {
      if (kept.has(key)) continue;
      this.#followed.delete(key);
      await reflector.stop();
    }
  }

  #heard(change: Change<KubeObject>): void {
    // Whoever deletes a kind deletes its objects first.
    if (change.type === 'deleted') this.recheck();
    this.#onChild(change);
  }
}
