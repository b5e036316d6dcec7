import type { KubeClient } from '@qwenfleet/kube/client/client';
import { isNotFound } from '@qwenfleet/kube/client/status-error';
import type { KubeObject } from '@qwenfleet/kube/object';
import { resourceOf } from '@qwenfleet/kube/resource';
import { childKey, planChildren } from './children.ts';
import { digest } from './digest.ts';
import { projected } from './drift.ts';

/** Objects whose last answer is remembered; more than a fleet of 1,000 pools has. */
const rememberedMax = 20_000;

/** Objects of one owner that are written at once: of sixteen connections, it leaves others theirs. */
const togetherMax = 4;

type Applied = { desired: string; live: string };

/** Brings an owner's children to what is desired, by server-side apply, and writes nothing where nothing differs. */
export class Applier {
  readonly #client: KubeClient;
  readonly #fieldManager: string;
  /** What the server made of what was applied last: it may write a quantity or a default in its own way. */
  readonly #applied = new Map<string, Applied>();

  constructor(client: KubeClient, fieldManager: string) {
    this.#client = client;
    this.#fieldManager = fieldManager;
  }

  /** @returns how many objects were written or deleted. */
  async reconcile(desired: readonly KubeObject[], live: readonly KubeObject[], signal: AbortSignal): Promise<number> {
    const there = new Map(live.map((object) => [childKey(object), object]));
    const plan = planChildren(desired, live);
    const apply = plan.apply.filter((object) => !this.#settled(object, there.get(childKey(object))));
    // A binding is refused while there is no role.
    const [others, bindings] = [apply.filter((object) => !isBinding(object)), apply.filter(isBinding)];
    for (const wave of [others, bindings]) await together(wave, (object) => this.#apply(object, signal));
    for (const object of plan.remove) await this.#remove(object, signal);
    return apply.length + plan.remove.length;
  }

  #settled(desired: KubeObject, live: KubeObject | undefined): boolean {
    const last = this.#applied.get(memoryKey(desired));
    if (!last || !live || last.desired !== digest(desired)) return false;
    return last.live === digest(projected(live, desired));
  }

  async #apply(object: KubeObject, signal: AbortSignal): Promise<void> {
    const written = await this.#client.apply(object, { fieldManager: this.#fieldManager, force: true, signal });
    if (this.#applied.size >= rememberedMax) this.#applied.clear();
    this.#applied.set(memoryKey(object), { desired: digest(object), live: digest(projected(written, object)) });
  }

  async #remove(object: KubeObject, signal: AbortSignal): Promise<void> {
    this.#applied.delete(memoryKey(object));
    const { namespace, name, uid } = object.metadata;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    try {
      await this.#client.delete(
        resourceOf(object),
        { namespace, name },
        { ...preconditions, propagationPolicy: 'Background', signal },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const isBinding = ({ kind }: KubeObject): boolean => kind === 'RoleBinding';

/** Works on a few at once. When one fails, no further one is begun, and it throws when the last of them has ended. */
async function together<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const failures: unknown[] = [];
  const take = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      await work(item).catch((error: unknown) => {
        failures.push(error);
        waiting.length = 0;
      });
    }
  };
  await Promise.all(Array.from({ length: togetherMax }, take));
  if (failures.length > 0) throw failures[0];
}

const memoryKey = (object: KubeObject): string => `${object.metadata.namespace}/${childKey(object)}`;
