import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { Logger } from '@qwenfleet/core/log';
import { withinTime } from '@qwenfleet/kube/time-limit';
import { request, type Dispatcher } from 'undici';
import type { Last } from '../../specs/engine/load.ts';

/** How often each is asked. The scaler's panic window is six seconds: this leaves it several samples. */
const everyMs = 1_000;
const timeoutMs = 800;
/** Who has not answered for this long is silent, not slow. */
const staleMs = 5_000;
const bodyBytesMax = 4 * 1024 * 1024;
/** Asked at the same time; a round over thousands takes longer, and no more memory. */
const askedAtOnceMax = 64;

/** Where one pod says how busy it is, and how that is read; `read` throws on what is no report. */
export type Address<Report> = {
  id: string;
  url: string;
  read: (text: string, last: Last<Report> | undefined) => Report;
};

/** What it said in this round, and the time before; undefined where it did not. */
export type Answer<Report> = { before: Report | undefined; after: Report | undefined };

export type PollerParts<Report> = {
  /** Whom to ask, by the key of the custom resource that they belong to, as they are now. Called once a round. */
  addresses: () => ReadonlyMap<string, readonly Address<Report>[]>;
  onRound?: (key: string, answers: readonly Answer<Report>[]) => void;
  agent: Dispatcher;
  clock: Clock;
  log: Logger;
};

type Heard<Report> = { atMs: number; report: Report };

/** Asks pods for their load, once a second, and remembers the last answers. */
export class LoadPoller<Report> {
  readonly #parts: PollerParts<Report>;
  readonly #heard = new Map<string, Heard<Report>>();
  #asked: ReadonlyMap<string, readonly Address<Report>[]> = new Map();

  constructor(parts: PollerParts<Report>) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#round(signal);
      await this.#parts.clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  /** The last report of each pod of a custom resource that was asked; undefined for those that are silent. */
  reports(key: string): (Report | undefined)[] {
    return this.heard(key).map(({ report }) => report);
  }

  /** The same, with whose it is. */
  heard(key: string): { id: string; report: Report | undefined }[] {
    const nowMs = this.#parts.clock.nowMs();
    return (this.#asked.get(key) ?? []).map(({ id }) => {
      const heard = this.#heard.get(id);
      return { id, report: heard && nowMs - heard.atMs <= staleMs ? heard.report : undefined };
    });
  }

  async #round(signal: AbortSignal): Promise<void> {
    const addresses = this.#parts.addresses();
    this.#asked = addresses;
    const all = [...addresses.values()].flat();
    const present = new Set(all.map(({ id }) => id));
    for (const id of this.#heard.keys()) if (!present.has(id)) this.#heard.delete(id);
    const answers = new Map<string, Answer<Report>>();
    const left = all.values();
    const asker = async (): Promise<void> => {
      for (const address of left) answers.set(address.id, await this.#ask(address, signal));
    };
    await Promise.all(Array.from({ length: Math.min(askedAtOnceMax, all.length) }, asker));
    for (const [key, own] of addresses)
      this.#parts.onRound?.(
        key,
        own.flatMap(({ id }) => answers.get(id) ?? []),
      );
  }

  async #ask({ id, url, read }: Address<Report>, signal: AbortSignal): Promise<Answer<Report>> {
    const { agent, clock, log } = this.#parts;
    const last = this.#heard.get(id);
    const before = last?.report;
    try {
      const { statusCode, text } = await withinTime(clock, { ms: timeoutMs, parent: signal, late }, async (limit) => {
        const answer = await request(url, { dispatcher: agent, signal: limit });
        return { statusCode: answer.statusCode, text: await answer.body.text() };
      });
      if (statusCode !== 200 || text.length > bodyBytesMax) return { before, after: undefined };
      const atMs = clock.nowMs();
      const report = read(text, last && { report: last.report, ageMs: atMs - last.atMs });
      this.#heard.set(id, { atMs, report });
      return { before, after: report };
    } catch (error) {
      log.debug({ pod: id, err: error }, 'a pod does not report its load');
      return { before, after: undefined };
    }
  }
}

const late = (): FleetError => new FleetError('upstream_timeout', `No answer within ${timeoutMs} ms.`);
