import { StopStrings } from '../stop-strings.ts';
import type { CalledFunction, ToolFormat } from './format.ts';
import type { OfferedFunction } from './offer.ts';

export type SplitCalls = { content: string; calls: CalledFunction[] };

/**
 * Separates the functions that a model calls from what it says. A call is handed over when it is whole; what looks like one
 * and is none stays in the text, so that nothing that a model said is lost.
 */
export class ToolCallSplit {
  readonly #format: ToolFormat;
  readonly #offered: readonly OfferedFunction[];
  #finder: StopStrings;
  #inCall = false;
  /** Text of the call that has begun. */
  #body = '';
  /** White space that goes when a call follows it. */
  #space = '';
  #called = false;

  constructor(format: ToolFormat, offered: readonly OfferedFunction[]) {
    this.#format = format;
    this.#offered = offered;
    this.#finder = new StopStrings([format.opening]);
  }

  push(piece: string): SplitCalls {
    const found: SplitCalls = { content: '', calls: [] };
    for (let rest: string | undefined = piece; rest !== undefined;) rest = this.#step(rest, found);
    return found;
  }

  /** @param whole the model ended the answer itself; a call without its closing counts then. */
  end(whole: boolean): SplitCalls {
    const found: SplitCalls = { content: '', calls: [] };
    const rest = this.#finder.end();
    if (this.#inCall) this.#finish(this.#body + rest, '', whole, found);
    else this.#say(rest, found);
    // After a call, space alone is no answer.
    if (!this.#called) found.content += this.#space;
    return found;
  }

  /** Goes to the next border between text and call; undefined when the piece is used up. */
  #step(piece: string, found: SplitCalls): string | undefined {
    const { text, stopped } = this.#finder.push(piece);
    if (this.#inCall) this.#body += text;
    else this.#say(text, found);
    if (!stopped) return undefined;
    const rest = this.#finder.rest();
    if (this.#inCall) this.#finish(this.#body, this.#format.closing, true, found);
    this.#inCall = !this.#inCall;
    this.#body = '';
    this.#finder = new StopStrings([this.#inCall ? this.#format.closing : this.#format.opening]);
    return rest;
  }

  #say(text: string, found: SplitCalls): void {
    const all = this.#space + text;
    const said = all.trimEnd();
    this.#space = all.slice(said.length);
    found.content += said;
  }

  #finish(body: string, closing: string, whole: boolean, found: SplitCalls): void {
    const call = whole ? this.#format.parse(body, this.#offered) : undefined;
    if (!call) {
      this.#say(this.#format.opening + body + closing, found);
      return;
    }
    this.#called = true;
    this.#space = '';
    found.calls.push(call);
  }
}
