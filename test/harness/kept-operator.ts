import { ApiProxy } from './api-proxy.ts';
import type { Cluster } from './cluster/cluster.ts';
import { startOperator, type RunningOperator } from './operator.ts';

/** An operator with a network of its own, which is started again whenever it ends by itself, as a kubelet does it. */
export class KeptOperator {
  /** In the audit log: the user agent of everything that it sends. */
  readonly name: string;
  readonly proxy: ApiProxy;
  /** How often it has been started. */
  starts = 0;
  #running: RunningOperator | undefined;
  #ended: string[] = [];
  #stopping = false;
  #kept: Promise<void> | undefined;

  private constructor(name: string, proxy: ApiProxy) {
    this.name = name;
    this.proxy = proxy;
  }

  /** Resolves when its caches have synced. */
  static async start(cluster: Cluster, name: string): Promise<KeptOperator> {
    const operator = new KeptOperator(name, await ApiProxy.start({ kubeconfig: cluster.kubeconfig, userAgent: name }));
    await operator.#start();
    operator.#kept = operator.#keep();
    return operator;
  }

  /** What its processes have logged, each in its own piece. */
  get logs(): readonly string[] {
    return [...this.#ended, this.#running?.log() ?? ''];
  }

  /** SIGKILL; it is started again. */
  async kill(): Promise<void> {
    await this.#running?.kill();
  }

  /** Ends it, in its own time where it has any. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.proxy.heal();
    this.#running?.process.kill('SIGTERM');
    await this.#kept;
    await this.proxy.stop();
  }

  async #start(): Promise<void> {
    this.starts += 1;
    this.#running = await startOperator(this.proxy, { QWENFLEET_IDENTITY: this.name });
  }

  async #keep(): Promise<void> {
    for (;;) {
      await this.#running?.exited;
      if (this.#stopping) return;
      this.#ended.push(this.#running?.log() ?? '');
      // One that cannot start is tried again: what it waits for may be down.
      await this.#start().catch(() => undefined);
      if (this.#stopping) this.#running?.process.kill('SIGTERM');
    }
  }
}
