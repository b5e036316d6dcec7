import type { Clock } from '@qwenfleet/core/clock';
import { loadReportSchema, type LoadReport } from '@qwenfleet/core/load/report';
import { request, type Dispatcher } from 'undici';

/** Whoever looks more often sees the same. */
const freshMs = 1_000;
const answerWithinMs = 1_000;
/** A report is half a kilobyte, and may name many adapters. */
const bytesMax = 256 * 1024;

type Asked = { atMs: number; answer: Promise<LoadReport | undefined> };

/** What engines of ours say of themselves at GET /load: asked when somebody wants to know, once a second at most. */
export class ReplicaLoads {
  readonly #clock: Clock;
  readonly #agent: () => Dispatcher;
  #asked = new Map<string, Asked>();

  constructor(clock: Clock, agent: () => Dispatcher) {
    this.#clock = clock;
    this.#agent = agent;
  }

  /** By address; those that do not answer are left out. */
  async of(urls: readonly string[]): Promise<ReadonlyMap<string, LoadReport>> {
    const nowMs = this.#clock.nowMs();
    // Addresses of replicas that are gone are forgotten with their answers.
    const fresh = [...this.#asked].filter(([, { atMs }]) => nowMs - atMs < freshMs);
    this.#asked = new Map(fresh);
    const answers = await Promise.all(urls.map(async (url) => [url, await this.#ask(url, nowMs)] as const));
    return new Map(answers.flatMap(([url, answer]) => (answer ? [[url, answer] as const] : [])));
  }

  #ask(url: string, nowMs: number): Promise<LoadReport | undefined> {
    const known = this.#asked.get(url);
    if (known) return known.answer;
    const answer = ask(url, this.#agent()).catch(() => undefined);
    this.#asked.set(url, { atMs: nowMs, answer });
    return answer;
  }
}

async function ask(url: string, dispatcher: Dispatcher): Promise<LoadReport | undefined> {
  const signal = AbortSignal.timeout(answerWithinMs);
  const { statusCode, body } = await request(`${url}/load`, { dispatcher, signal });
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    // Undici's body yields buffers; its type says any.
    const buffer = part as Buffer;
    bytes += buffer.length;
    if (bytes > bytesMax) return undefined;
    parts.push(buffer);
  }
  if (statusCode !== 200) return undefined;
  return loadReportSchema.safeParse(JSON.parse(Buffer.concat(parts).toString('utf8'))).data;
}
