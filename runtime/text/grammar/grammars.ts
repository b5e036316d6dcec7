import { FleetError } from '@qwenfleet/core/errors';
import type { TokenConstraint } from '../../engine/generation.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { Grammar } from './grammar.ts';
import type { Guide } from './guide.ts';
import { TokenBytes } from './token-bytes.ts';

/** Grammars that are kept ready: applications ask for the same few again and again. Each holds a few megabytes at most. */
const grammarsMax = 16;

/** The grammars of one model's requests. */
export class Grammars {
  readonly #tokenizer: Tokenizer;
  readonly #kept = new Map<string, Grammar>();
  #tokens: TokenBytes | undefined;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Makes a constraint for each of an answer's choices. Throws `invalid_request` that names the field at fault. */
  constraints(guide: Guide): () => TokenConstraint {
    const grammar = naming(guide.param, () => this.#grammar(guide));
    const tokens = (this.#tokens ??= new TokenBytes(this.#tokenizer));
    return () => named(guide.param, grammar.constraint(tokens, this.#tokenizer.eosTokens));
  }

  #grammar({ key, expression }: Guide): Grammar {
    const known = this.#kept.get(key);
    const grammar = known ?? new Grammar(expression());
    // The one that was used last stands last.
    this.#kept.delete(key);
    this.#kept.set(key, grammar);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > grammarsMax && oldest !== undefined) this.#kept.delete(oldest);
    return grammar;
  }
}

/** A grammar may turn out to be too ambiguous in the middle of an answer. */
const named = (param: string, constraint: TokenConstraint): TokenConstraint => ({
  get complete() {
    return constraint.complete;
  },
  allows: (token) => naming(param, () => constraint.allows(token)),
  accept: (token) => constraint.accept(token),
});

function naming<T>(param: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof FleetError) || error.param !== undefined) throw error;
    throw new FleetError(error.code, `${param}: ${error.message}.`, { param, cause: error });
  }
}
