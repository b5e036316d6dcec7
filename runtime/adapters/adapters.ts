import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterReference } from '@qwenfleet/core/fleet/runtime-config';
import type { AdapterPlaces } from '../backend/backend.ts';
import type {
  AdapterEvent,
  GeneratedToken,
  GenerationEnd,
  GenerationEngine,
  GenerationRequest,
} from '../engine/generation.ts';
import { AdapterMemory, type Placeable } from './adapter-memory.ts';

/** Brings an adapter's files here and checks them. Throws the codes of sources and models. */
export type OpenAdapter = (reference: AdapterReference, signal: AbortSignal) => Promise<Placeable & { rank: number }>;

export type AdaptersOptions = {
  places: AdapterPlaces;
  open: OpenAdapter;
  /** With a name, at most. */
  namesMax: number;
  /** Requests that may wait for a place. */
  waitingMax: number;
  /** Names that are the model's own. */
  taken: readonly string[];
  onAdapter?: ((event: AdapterEvent) => void) | undefined;
};

type Named = { reference: AdapterReference; adapter: Placeable };

/** The adapters of one model in memory, by name. */
export class Adapters {
  readonly #options: AdaptersOptions;
  readonly #memory: AdapterMemory;
  readonly #named = new Map<string, Named>();
  /** Names whose files are being fetched. */
  readonly #coming = new Set<string>();

  constructor(options: AdaptersOptions) {
    this.#options = options;
    this.#memory = new AdapterMemory(options.places, options.waitingMax, () => options.onAdapter?.('placed'));
  }

  get references(): AdapterReference[] {
    return [...this.#named.values()].map(({ reference }) => reference);
  }

  get names(): string[] {
    return [...this.#named.keys()];
  }

  /** Adapters in memory. */
  get resident(): number {
    return this.#memory.resident;
  }

  /** Requests that wait for a place. */
  get waiting(): number {
    return this.#memory.waiting;
  }

  /**
   * Fetches and checks an adapter, and gives it its name; requests bring it into memory. The same one again is no change.
   * Throws `conflict` for a name that is another's, `unsupported_model` for a rank beyond what there is memory for.
   */
  async add(reference: AdapterReference, signal: AbortSignal): Promise<void> {
    const { name } = reference;
    const known = this.#named.get(name);
    if (known && isSame(known.reference, reference)) return;
    this.#assertFree(name);
    this.#coming.add(name);
    try {
      const adapter = await this.#options.open(reference, signal);
      const { rankMax } = this.#options.places;
      if (adapter.rank > rankMax) {
        throw new FleetError(
          'unsupported_model',
          `Adapter "${name}" has rank ${adapter.rank}, and adapters.rankMax is ${rankMax}. Raise it, or train the adapter with a smaller rank.`,
          { param: 'adapters.rankMax' },
        );
      }
      // Read once to the end: what cannot be read is to fail now.
      for (const _ of await adapter.open()) await new Promise(setImmediate);
      signal.throwIfAborted();
      this.#named.set(name, { reference, adapter });
      this.#options.onAdapter?.('loaded');
    } finally {
      this.#coming.delete(name);
    }
  }

  /** Takes the name away at once; what runs goes on to its end. Throws `model_not_found` when there is no such name. */
  remove(name: string): void {
    if (this.#named.delete(name)) return this.#options.onAdapter?.('unloaded');
    throw new FleetError('model_not_found', `lora_name: there is no adapter "${name}"; ${listed(this.names)}.`, {
      param: 'lora_name',
    });
  }

  /** An engine that answers with an adapter; undefined when there is none of this name. */
  engine(name: string, base: GenerationEngine): GenerationEngine | undefined {
    const named = this.#named.get(name);
    if (!named) return undefined;
    return {
      stats: () => base.stats(),
      drain: (graceMs) => base.drain(graceMs),
      release: () => base.release(),
      generate: (request) => this.#generate(named, base, request),
    };
  }

  async *#generate(
    { adapter, reference: { name } }: Named,
    base: GenerationEngine,
    request: GenerationRequest,
  ): AsyncGenerator<GeneratedToken, GenerationEnd, void> {
    const placed = await this.#memory.hold(adapter, request.signal);
    try {
      return yield* base.generate({ ...request, adapter: { ...placed, name } });
    } catch (error) {
      // It never got into the engine, or is out of it. A reader who only leaves is in a step, perhaps: the engine ends that.
      placed.end();
      throw error;
    }
  }

  #assertFree(name: string): void {
    const { taken, namesMax } = this.#options;
    const conflict = (message: string): never => {
      throw new FleetError('conflict', message, { param: 'lora_name' });
    };
    if (taken.includes(name)) conflict(`"${name}" is the model's own name. Give the adapter another.`);
    if (this.#coming.has(name)) conflict(`Adapter "${name}" is being loaded. Try again when that is over.`);
    if (this.#named.has(name)) conflict(`There is another adapter "${name}". Unload it first, or choose another name.`);
    if (this.#named.size + this.#coming.size >= namesMax)
      conflict(`There are ${namesMax} adapters, and that is adapters.namesMax. Unload one first.`);
  }
}

const isSame = (a: AdapterReference, b: AdapterReference): boolean =>
  a.uri === b.uri && a.revision === b.revision && a.sha256 === b.sha256;

const listed = (names: readonly string[]): string =>
  names.length === 0 ? 'none is loaded' : `these are loaded: ${names.slice(0, 20).join(', ')}`;
