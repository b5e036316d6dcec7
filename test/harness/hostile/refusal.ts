import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runtimeStatusSchema, type RuntimeStatus } from '@qwenfleet/core/load/status';
import { adapterFolder } from '@qwenfleet/runtime/fixtures/adapter';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { post } from '../chat.ts';
import { eventually } from '../fleet.ts';
import { startRuntime, type RunningRuntime } from '../runtime-process.ts';
import type { Hostile } from './model-folder.ts';

/** Far longer than any refusal takes, on any machine. */
const refusedWithinMs = 60_000;
const codes = /^(invalid_model|unsupported_model|digest_mismatch|conflict)$/;

/** A runtime in a process of its own, which answers with an honest model while it is told to load others. */
export class Target {
  readonly runtime: RunningRuntime;
  readonly honest: string;
  readonly #adapter: string;
  readonly #root = mkdtempSync(path.join(tmpdir(), 'qwenfleet-hostile-'));
  #made = 0;

  private constructor(runtime: RunningRuntime, honest: string) {
    this.runtime = runtime;
    this.honest = honest;
    this.#adapter = adapterFolder(honest);
  }

  static async start(): Promise<Target> {
    const honest = publishedCheckpoint();
    const runtime = await startRuntime({
      model: { uri: `file://${honest}` },
      quantization: 'float32',
      engine: { slots: 2, contextLength: 64, threads: 1 },
      adapters: { places: 1, rankMax: 16 },
    });
    return new Target(runtime, honest);
  }

  async stop(): Promise<void> {
    await this.runtime.dispose();
    const folders = [this.#root, path.dirname(this.honest), path.dirname(this.#adapter)];
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }

  /** Tells it to load this instead. Returns what is wrong with how it refuses; nothing when all is well. */
  async wrongWithModel({ make, says }: Hostile): Promise<string[]> {
    const at = this.#place();
    return this.#wrongWith(says, async () => this.load({ uri: `file://${make(at, this.honest)}` }));
  }

  /** The same of an adapter. */
  async wrongWithAdapter({ make, says }: Hostile): Promise<string[]> {
    const at = this.#place();
    return this.#wrongWith(says, async () => {
      const body = { lora_name: path.basename(at), lora_path: make(at, this.#adapter) };
      const { status, body: said } = await post(`${this.runtime.url}/v1/load_lora_adapter`, body).catch(
        (error: unknown) => ({ status: 200, body: { error: undefined, cause: String(error) } }),
      );
      return status === 200 ? undefined : said.error;
    });
  }

  /** Loads a model and gives why it was refused; undefined when it was not. */
  async load(model: { uri: string; sha256?: string }): Promise<{ code: string; message: string } | undefined> {
    const { status, body } = await post(`${this.runtime.url}/admin/load`, JSON.stringify({ model }));
    if (status !== 202) return body.error;
    const { update } = await eventually(
      () => this.status(),
      (seen) => seen.update?.state !== 'loading',
      refusedWithinMs,
    );
    return update?.error;
  }

  async status(): Promise<RuntimeStatus> {
    return runtimeStatusSchema.parse(await (await fetch(`${this.runtime.url}/admin/status`)).json());
  }

  /** Most memory that its process ever held. */
  get mostBytes(): number {
    const status = readFileSync(`/proc/${this.runtime.process.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async #generation(): Promise<number> {
    return (await this.status()).loaded?.generation ?? 0;
  }

  #place(): string {
    this.#made += 1;
    return path.join(this.#root, String(this.#made));
  }

  async #wrongWith(
    says: RegExp,
    load: () => Promise<{ code: string; message: string } | undefined>,
  ): Promise<string[]> {
    const [generation, answer, graphs] = [await this.#generation(), await this.#ask(), this.#builtGraphs()];
    const { code = 'none', message = '' } = (await load()) ?? {};
    const [nextGeneration, nextAnswer] = [await this.#generation(), await this.#ask()];
    const failings: [string, boolean][] = [
      [`code ${code}`, !codes.test(code)],
      [`the reason: ${message.slice(0, 500)}`, !says.test(message)],
      [`a reason of ${message.length} characters`, message.length > 16_001],
      [`a path: ${message.slice(0, 500)}`, message.includes(this.#root) || message.includes(this.honest)],
      [`a stack: ${message.slice(0, 500)}`, /\n\s+at |node_modules/.test(message)],
      [`generation ${nextGeneration}`, nextGeneration !== generation],
      [`the answer: ${nextAnswer}`, nextAnswer !== answer],
      ['a graph that was built', this.#builtGraphs() !== graphs],
    ];
    return failings.flatMap(([what, fails]) => (fails ? [what] : []));
  }

  async #ask(): Promise<string> {
    const body = { model: 'tiny', prompt: 'abc', max_tokens: 8, temperature: 0 };
    const { status, body: said } = await post(`${this.runtime.url}/v1/completions`, body);
    return status === 200 ? JSON.stringify((said as { choices?: unknown }).choices) : `status ${status}`;
  }

  #builtGraphs(): string {
    const folder = path.join(this.runtime.cacheDir, 'graphs');
    return readdirSync(folder)
      .filter((name) => !name.endsWith('.lock'))
      .join();
  }
}
