import type { Expression } from '../grammar/expression.ts';
import type { OfferedFunction } from './offer.ts';

/** What a model asks to be called: `arguments` is the text of a JSON object. */
export type CalledFunction = { name: string; arguments: string };

/** How a family of models writes that a function is to be called. */
export type ToolFormat = {
  readonly name: string;
  /** Around each call. */
  readonly opening: string;
  readonly closing: string;
  /** Whether a chat template speaks this form. */
  readonly spokenBy: (template: string) => boolean;
  /** One call from the text between opening and closing; undefined when it is none of the functions on offer. */
  readonly parse: (text: string, offered: readonly OfferedFunction[]) => CalledFunction | undefined;
  /**
   * Every text between opening and closing that calls this function. Throws `invalid_request`, with the place in the schema,
   * when a strict function's schema cannot be kept.
   */
  readonly expression: (offered: OfferedFunction) => Expression;
};
