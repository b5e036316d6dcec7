import { runtimeStatusSchema, type LoadRequest, type RuntimeStatus } from '@qwenfleet/core/load/status';
import type { ModelReference } from '@qwenfleet/core/fleet/runtime-config';
import type { Logger } from '@qwenfleet/core/log';
import type { Pod } from '@qwenfleet/kube/kinds';
import { request, type Dispatcher } from 'undici';
import { answeringReplicas } from '../load/replicas.ts';

const timeoutMs = 2_000;
const bodyBytesMax = 1024 * 1024;

/** What engines say of themselves, by the name of their pod; one that is silent, or does not know us, is not there. */
export type EngineAnswers = ReadonlyMap<string, RuntimeStatus>;

/** Asks the engines of replicas what they answer with, and tells them to exchange it, or to begin anew. */
export class Engines {
  readonly #agent: Dispatcher;
  readonly #log: Logger;

  constructor({ agent, log }: { agent: Dispatcher; log: Logger }) {
    this.#agent = agent;
    this.#log = log;
  }

  async ask(pods: readonly Pod[], token: string, signal: AbortSignal): Promise<EngineAnswers> {
    const answers = await Promise.all(
      pods.map(async (pod) => {
        const answer = await this.#send(pod, { method: 'GET', path: '/admin/status' }, { token, signal });
        return answer ? ([[pod.metadata.name, answer]] as const) : [];
      }),
    );
    return new Map(answers.flat());
  }

  /** It goes on beside what answers; how it ends is in what the engine says later. */
  async load(pod: Pod, model: ModelReference, { token, signal }: Call): Promise<void> {
    const body: LoadRequest = { model, sameShape: true };
    await this.#send(pod, { method: 'POST', path: '/admin/load', body: JSON.stringify(body) }, { token, signal });
  }

  /** It ends what it has taken, and its container starts again, with what its workload begins with by then. */
  async restart(pod: Pod, { token, signal }: Call): Promise<void> {
    await this.#send(pod, { method: 'POST', path: '/admin/drain' }, { token, signal });
  }

  async #send(pod: Pod, { path, ...options }: Sent, { token, signal }: Call): Promise<RuntimeStatus | undefined> {
    const [replica] = answeringReplicas([pod]);
    if (!replica) return undefined;
    try {
      const { statusCode, body } = await request(`${replica.origin}${path}`, {
        ...options,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        dispatcher: this.#agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const text = await body.text();
      if (statusCode < 300 && text.length <= bodyBytesMax) return runtimeStatusSchema.safeParse(JSON.parse(text)).data;
      this.#log.info({ pod: pod.metadata.name, statusCode, path }, 'an engine refuses');
    } catch (err) {
      this.#log.info({ pod: pod.metadata.name, path, err }, 'an engine does not answer');
    }
    return undefined;
  }
}

type Call = { token: string; signal: AbortSignal };
type Sent = { method: 'GET' | 'POST'; path: string; body?: string };
