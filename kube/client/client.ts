import { systemEnvironment, type Environment } from '../environment.ts';
import type { KubeObject, ObjectReference } from '../object.ts';
import { resourceOf, resourcePath, type Resource } from '../resource.ts';
import type { Call } from './call.ts';
import { decodeObject, decodePage, type Page } from './decode.ts';
import type { Fence } from './fence.ts';
import { readLines } from './lines.ts';
import type {
  ApplyOptions,
  CallOptions,
  CreateOptions,
  DeleteOptions,
  ListOptions,
  Patch,
  PatchOptions,
  Scope,
  WatchOptions,
} from './options.ts';
import { isGone } from './status-error.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** Objects in one chunk of a list: what kubectl asks for. */
export const pageItems = 500;

/**
 * Requests to the Kubernetes API: raw JSON over shared connections. Every call has a deadline and may have a signal.
 * A refusal is thrown as a `StatusError`; where no answer came, a `FleetError` (`upstream_failed`, `upstream_timeout`).
 *
 *     const client = KubeClient.over({ connection: await connect() });
 *     const pod = await client.get(pods, { namespace: 'default', name: 'web-0' });
 */
export class KubeClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  static over(options: TransportOptions, environment: Partial<Environment> = {}): KubeClient {
    return new KubeClient(new Transport(options, systemEnvironment(environment)));
  }

  /** The same client, at the same rate, whose writes are sent only while the fence holds. */
  withFence(fence: Fence): KubeClient {
    return new KubeClient(this.#transport.withFence(fence));
  }

  async get<T extends KubeObject>(
    of: Resource<T>,
    at: ObjectReference & { subresource?: string },
    options: CallOptions = {},
  ): Promise<T> {
    return decodeObject(of, await this.#read('get', resourcePath(of, at), {}, options));
  }

  /** Anything else that the API serves as JSON, such as `/version` or `/apis`. */
  raw(path: string, options: CallOptions = {}): Promise<unknown> {
    return this.#read('get', path, {}, options);
  }

  /**
   * Every object, asked for in chunks. A chunk that comes too late (410) makes it ask once for all at once.
   * `each` changes objects as they come, so that the work on a long list is spread over its chunks.
   */
  async list<T extends KubeObject>(
    of: Resource<T>,
    options: ListOptions & { each?: (object: T) => T } = {},
  ): Promise<Omit<Page<T>, 'continueToken'>> {
    const { each = (object) => object } = options;
    const items: T[] = [];
    let resourceVersion = '';
    try {
      for await (const page of this.pages(of, options)) {
        for (const item of page.items) items.push(each(item));
        resourceVersion = page.resourceVersion;
      }
      return { items, resourceVersion };
    } catch (error) {
      if (!isGone(error) || items.length === 0) throw error;
      const query = { ...selectors(options), resourceVersion: options.resourceVersion };
      const page = decodePage(of, await this.#read('list', collectionPath(of, options), query, options));
      return { items: page.items.map(each), resourceVersion: page.resourceVersion };
    }
  }

  /** The chunks of a list. All show the same moment, the first chunk's. Throws 410 when reading took minutes. */
  async *pages<T extends KubeObject>(of: Resource<T>, options: ListOptions = {}): AsyncGenerator<Page<T>> {
    const limit = options.limit ?? pageItems;
    let query: Call['query'] = { ...selectors(options), limit, resourceVersion: options.resourceVersion };
    for (;;) {
      const page: Page<T> = decodePage(of, await this.#read('list', collectionPath(of, options), query, options));
      yield page;
      if (page.continueToken === '') return;
      query = { ...selectors(options), limit, continue: page.continueToken };
    }
  }

  /** The lines of a watch, unread: `{"type": "ADDED", "object": {…}}`. Ends when the server ends it. */
  async *watch(of: Resource, options: WatchOptions): AsyncGenerator<string> {
    const { resourceVersion, timeoutSeconds, signal } = options;
    const query = { ...selectors(options), watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds };
    const path = collectionPath(of, options);
    yield* readLines(
      await this.#transport.stream({ verb: 'watch', method: 'GET', path, query, idempotent: true, signal }),
    );
  }

  async create<T extends KubeObject>(of: Resource<T>, object: T, options: CreateOptions = {}): Promise<T> {
    const path = resourcePath(of, { namespace: object.metadata.namespace });
    const query = { fieldManager: options.fieldManager };
    const { signal } = options;
    const call: Call = { verb: 'create', method: 'POST', path, query, body: object, idempotent: false, signal };
    return decodeObject(of, await this.#transport.send(call));
  }

  /** Replaces the object. Its resourceVersion, where set, has to be the current one; otherwise throws a conflict. */
  async update<T extends KubeObject>(of: Resource<T>, object: T, options: PatchOptions = {}): Promise<T> {
    const path = resourcePath(of, { ...object.metadata, subresource: options.subresource });
    const query = { fieldManager: options.fieldManager };
    const { signal } = options;
    const call: Call = { verb: 'update', method: 'PUT', path, query, body: object, idempotent: false, signal };
    return decodeObject(of, await this.#transport.send(call));
  }

  /** Deletes, or begins to where finalizers or a grace period hold it. Throws 404 when it is not there. */
  async delete(of: Resource, at: ObjectReference, options: DeleteOptions = {}): Promise<void> {
    const { signal, ...body } = options;
    const path = resourcePath(of, at);
    await this.#transport.send({ verb: 'delete', method: 'DELETE', path, body, idempotent: true, signal });
  }

  /**
   * `{ json: [...] }` is RFC 6902, `{ merge: {...} }` RFC 7396. Not sent again when nobody knows whether it arrived:
   * a `test` or a resourceVersion would then fail on the first one's success.
   */
  async patch<T extends KubeObject>(
    of: Resource<T>,
    at: ObjectReference,
    patch: Patch,
    options: PatchOptions = {},
  ): Promise<T> {
    const { subresource, fieldManager, signal } = options;
    const json = 'json' in patch;
    const call: Call = {
      verb: 'patch',
      method: 'PATCH',
      path: resourcePath(of, { ...at, subresource }),
      query: { fieldManager },
      body: json ? patch.json : patch.merge,
      contentType: json ? 'application/json-patch+json' : 'application/merge-patch+json',
      idempotent: false,
      signal,
    };
    return decodeObject(of, await this.#transport.send(call));
  }

  /**
   * Server-side apply: the object as this manager wants it, only the fields it owns. Creates it where it is not there.
   * Throws a conflict without `force` when another manager owns a field, see `conflictingManagers`.
   */
  async apply<T extends KubeObject>(object: T, options: ApplyOptions<T>): Promise<T> {
    const { fieldManager, force = false, subresource, signal } = options;
    const of = options.resource ?? resourceOf(object);
    const call: Call = {
      verb: 'apply',
      method: 'PATCH',
      path: resourcePath(of, { ...object.metadata, subresource }),
      query: { fieldManager, force },
      body: object,
      // JSON is YAML, and the server takes it under this name only.
      contentType: 'application/apply-patch+yaml',
      idempotent: true,
      signal,
    };
    return decodeObject(of, await this.#transport.send(call));
  }

  /** Server-side apply of the status, so that other managers keep their conditions. */
  applyStatus<T extends KubeObject>(object: T, options: Omit<ApplyOptions<T>, 'subresource'>): Promise<T> {
    return this.apply(object, { ...options, subresource: 'status' });
  }

  /** Writes a status by merge patch if the object is still at its resourceVersion; otherwise throws a conflict. */
  patchStatus<T extends KubeObject>(
    of: Resource<T>,
    seen: T,
    status: unknown,
    options: CreateOptions = {},
  ): Promise<T> {
    const { resourceVersion } = seen.metadata;
    const merge = { metadata: { resourceVersion }, status };
    return this.patch(of, seen.metadata, { merge }, { ...options, subresource: 'status' });
  }

  #read(verb: 'get' | 'list', path: string, query: Call['query'], { signal }: CallOptions): Promise<unknown> {
    return this.#transport.send({ verb, method: 'GET', path, query: query ?? {}, idempotent: true, signal });
  }
}

const collectionPath = (of: Resource, { namespace }: Scope): string => resourcePath(of, { namespace });

const selectors = ({ labelSelector, fieldSelector }: Scope): NonNullable<Call['query']> => ({
  labelSelector,
  fieldSelector,
});
