import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { formatBytes } from './format.ts';
import type { Terminal } from './terminal.ts';

/** Where nobody watches a bar, a line is written this often at most. */
const lineEveryMs = 5_000;

/** Long work that people wait for: bars on a terminal, a line now and then in a log. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #nowMs: () => number;
  readonly #bars: MultiBar | undefined;
  readonly #byName = new Map<string, SingleBar>();
  readonly #saidMs = new Map<string, number>();

  constructor(terminal: Terminal, nowMs: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#nowMs = nowMs;
    if (terminal.stderr.isTTY !== true || terminal.json) return;
    this.#bars = new MultiBar(
      {
        format: '  {name} {bar} {percentage}% {size}',
        stream: terminal.stderr,
        hideCursor: true,
        clearOnComplete: true,
        barsize: 24,
      },
      Presets.shades_classic,
    );
  }

  /** Bytes so far, of how many when that is known. */
  bytes(name: string, done: number, total: number | undefined): void {
    const size =
      total === undefined || total === 0 ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`;
    this.#show(name, done, total, size);
  }

  /** Pieces so far, of how many. */
  count(name: string, done: number, total: number): void {
    this.#show(name, done, total, `${done} of ${total}`);
  }

  stop(): void {
    this.#bars?.stop();
  }

  #show(name: string, done: number, total: number | undefined, size: string): void {
    if (this.#bars) this.#bar(name, done, total ?? done, size);
    else this.#line(name, size, total !== undefined && total > 0 && done >= total);
  }

  #bar(name: string, done: number, total: number, size: string): void {
    const shown = { name: name.padEnd(28).slice(-28), size };
    const bar = this.#byName.get(name) ?? this.#bars?.create(total, 0, shown);
    if (!bar) return;
    this.#byName.set(name, bar);
    bar.setTotal(total);
    bar.update(done, shown);
  }

  #line(name: string, size: string, complete: boolean): void {
    const nowMs = this.#nowMs();
    const lastMs = this.#saidMs.get(name);
    if (!complete && lastMs !== undefined && nowMs - lastMs < lineEveryMs) return;
    if (complete && lastMs === Infinity) return;
    this.#saidMs.set(name, complete ? Infinity : nowMs);
    this.#terminal.talk(`  ${name}: ${size}`);
  }
}
