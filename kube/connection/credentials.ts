import type { RequestOptions } from 'node:https';
import { FleetError } from '@qwenfleet/core/errors';
import type { KubeConfig } from '@kubernetes/client-node';
import { hasKubeconfig } from './config.ts';
import { hasAccount, readAccount } from './pod.ts';

/** Where to find the API server and who we are there. */
export type CredentialSource =
  /** `KUBECONFIG`, `~/.kube/config`, then the pod's service account: what kubectl would do. */
  | { from: 'default'; context?: string }
  | { from: 'file'; file: string; context?: string }
  /** The service account that Kubernetes mounts into every pod, or one that is mounted into another folder. */
  | { from: 'pod'; folder?: string };

type KubeconfigSource = Exclude<CredentialSource, { from: 'pod' }>;

export type Credentials = {
  /** Without a trailing slash: `https://10.0.0.1:6443`. */
  server: string;
  /** Of the context; `default` where it names none. */
  namespace: string;
  tls: TlsOptions;
  headers: Record<string, string>;
  /** An HTTP proxy on the way, from the kubeconfig. */
  proxyUrl: string | undefined;
};

export type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/**
 * Reads credentials afresh at each call. A plugin (`exec`) is asked again only when its token has expired, so the
 * loaded configuration is kept for it; `renew` drops that too.
 * client-node weighs 60 MB of memory, so it is loaded where there is a kubeconfig to read, and never in a pod.
 */
export class CredentialReader {
  readonly #source: CredentialSource;
  #kept: KubeConfig | undefined;

  constructor(source: CredentialSource) {
    this.#source = source;
  }

  /** Throws `invalid_config` when there is no such file, context or user, or when it cannot be used. */
  async read(): Promise<Credentials> {
    try {
      const source = this.#source;
      if (source.from === 'pod') return await readAccount(source.folder);
      if (source.from === 'default' && source.context === undefined && !hasKubeconfig() && hasAccount()) {
        return await readAccount();
      }
      const config = this.#kept ?? (await load(source));
      this.#kept = config.getCurrentUser()?.exec === undefined ? undefined : config;
      return await readCredentials(config);
    } catch (cause) {
      if (cause instanceof FleetError) throw cause;
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new FleetError('invalid_config', `The credentials for the cluster could not be read: ${what}`, { cause });
    }
  }

  forget(): void {
    this.#kept = undefined;
  }
}

async function load(source: KubeconfigSource): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (source.from === 'file') config.loadFromFile(source.file);
  else config.loadFromDefault();
  if (source.context !== undefined) config.setCurrentContext(source.context);
  // client-node refuses plain HTTP unless TLS checks are off, which mean nothing there: kubectl proxy is one such server.
  config.clusters = config.clusters.map((cluster) =>
    cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
  );
  return config;
}

async function readCredentials(config: KubeConfig): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new FleetError('invalid_config', `There is no cluster for the context "${config.getCurrentContext()}".`);
  }
  if (cluster.proxyUrl?.startsWith('socks') === true) {
    throw new FleetError('unsupported', 'SOCKS proxies to the API server are not supported; use an HTTP proxy.');
  }
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace?.trim();
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    tls: Object.fromEntries(
      Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined),
    ),
    headers: headersOf(options),
    proxyUrl: cluster.proxyUrl,
  };
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const basic = auth == null ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
  const own = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value).trim()]);
  return { ...basic, ...Object.fromEntries(own) };
}
