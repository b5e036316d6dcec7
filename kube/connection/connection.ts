import { isDeepStrictEqual } from 'node:util';
import { describeError } from '@qwenfleet/core/errors';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { systemEnvironment, type Environment } from '../environment.ts';
import { CredentialReader, type Credentials, type CredentialSource } from './credentials.ts';

/** Tokens of service accounts are rotated long before they expire; client-go reads them once a minute. */
const credentialsMs = 60_000;
/** After a 401, so that a wrong token does not make us read files at the rate of our requests. */
const renewalsMs = 5_000;
const connectMs = 10_000;
/** Requests at once; more wait for a free connection. */
export const connectionsMax = 16;

/** What one request needs of the connection at this moment. */
export type Access = { requests: Dispatcher; watches: Dispatcher; headers: Record<string, string> };

/** A way to one API server: shared connections, and credentials that are read again as they change. */
export interface Connection {
  /** Without a trailing slash. */
  readonly server: string;
  /** The namespace of the context, or of the pod we run in. */
  readonly namespace: string;
  access(): Promise<Access>;
  /** Reads the credentials again at once, as after a 401. */
  renew(): Promise<void>;
  /** Ends every connection, watches included. */
  close(): Promise<void>;
}

/**
 * Opens nothing yet, but reads the credentials. Throws `invalid_config` where they cannot be used.
 *
 *     const connection = await connect({ from: 'default' });
 */
export async function connect(
  source: CredentialSource = { from: 'default' },
  environment: Partial<Environment> = {},
): Promise<Connection> {
  const reader = new CredentialReader(source);
  return new KubeConnection(reader, await reader.read(), systemEnvironment(environment));
}

class KubeConnection implements Connection {
  readonly server: string;
  readonly namespace: string;
  readonly #reader: CredentialReader;
  readonly #environment: Environment;
  #credentials: Credentials;
  #agents: { requests: Dispatcher; watches: Dispatcher };
  #readMs: number;
  #reading: Promise<void> | undefined;

  constructor(reader: CredentialReader, credentials: Credentials, environment: Environment) {
    this.server = credentials.server;
    this.namespace = credentials.namespace;
    this.#reader = reader;
    this.#environment = environment;
    this.#credentials = credentials;
    this.#agents = createAgents(credentials);
    this.#readMs = environment.clock.nowMs();
  }

  async access(): Promise<Access> {
    if (this.#ageMs() > credentialsMs) await this.#readAgain();
    return { ...this.#agents, headers: this.#credentials.headers };
  }

  async renew(): Promise<void> {
    if (this.#ageMs() < renewalsMs) return;
    this.#reader.forget();
    await this.#readAgain();
  }

  async close(): Promise<void> {
    await Promise.all([this.#agents.requests.destroy(), this.#agents.watches.destroy()]);
  }

  #ageMs(): number {
    return this.#environment.clock.nowMs() - this.#readMs;
  }

  #readAgain(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Old credentials may still be good, and a file may be in the middle of a change: a failure is only logged. */
  async #read(): Promise<void> {
    this.#readMs = this.#environment.clock.nowMs();
    try {
      const fresh = await this.#reader.read();
      const same = isDeepStrictEqual(fresh.tls, this.#credentials.tls);
      this.#credentials = fresh;
      if (!same) this.#replaceAgents(fresh);
    } catch (error) {
      this.#environment.log.warn({ error: describeError(error) }, 'kept the old credentials for the API server');
    }
  }

  #replaceAgents(credentials: Credentials): void {
    const old = this.#agents;
    this.#agents = createAgents(credentials);
    for (const agent of [old.requests, old.watches]) void agent.close().catch(() => undefined);
  }
}

/** Watches have connections of their own, so that they never hold one that a request waits for. */
function createAgents({ tls, proxyUrl }: Credentials): { requests: Dispatcher; watches: Dispatcher } {
  // undici's and Node's types of the same TLS options differ in how they write "undefined".
  const connect = { ...(tls as object), timeout: connectMs, keepAlive: true, keepAliveInitialDelay: 30_000 };
  const create = (options: Agent.Options): Dispatcher =>
    proxyUrl === undefined
      ? new Agent({ ...options, connect })
      : new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
  return {
    requests: create({ connections: connectionsMax, pipelining: 1, keepAliveTimeout: 30_000 }),
    // A silent watch is the reflector's to judge: it knows when to expect a bookmark.
    watches: create({ connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 }),
  };
}
