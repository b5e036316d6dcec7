import { Template } from '@huggingface/jinja';
import { FleetError } from '@qwenfleet/core/errors';
import { messageText, type Message } from '@qwenfleet/core/openai/request';
import { contentOf, cutsInside } from './hugging-face.ts';
import type { TextFiles } from './model-files.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Put inside what looks like a control token in a client's text, taken out again before the text is encoded. */
const guard = '\u{F8FF}';
/** Of `chat_template_kwargs`: tools with their JSON schemas stay far below. */
const variableDepthMax = 64;

/** `thinks`: the template has opened the thinking itself, so that the answer begins inside of it. */
export type Prompt = { tokens: number[]; thinks: boolean };

/** Turns messages into the tokens of a prompt, with the template that the model's own files carry. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokenizer: Tokenizer;
  readonly #variables: Record<string, unknown>;
  /** Inside of control tokens: in the template's output they are tokens, in a client's text they are words. */
  readonly #specials: RegExp | undefined;

  private constructor(template: Template, tokenizer: Tokenizer, files: TextFiles) {
    this.#template = template;
    this.#tokenizer = tokenizer;
    const bos = contentOf(files.config['bos_token']);
    const eos = contentOf(files.config['eos_token']);
    this.#variables = { bos_token: bos ?? '', eos_token: eos ?? '' };
    this.#specials = specialsOf(files);
  }

  /** Undefined when the model has no template: it completes texts, and does not chat. Throws `invalid_model`. */
  static open(files: TextFiles, tokenizer: Tokenizer): ChatTemplate | undefined {
    if (files.chatTemplate === undefined) return undefined;
    try {
      return new ChatTemplate(new Template(files.chatTemplate), tokenizer, files);
    } catch (cause) {
      throw new FleetError('invalid_model', "The model's chat template cannot be read.", { cause });
    }
  }

  /**
   * Throws `invalid_request` when the template refuses the messages, for instance their order.
   * @param variables `chat_template_kwargs` of the request, such as `{ enable_thinking: false }`.
   */
  prompt(messages: readonly Message[], variables: Record<string, unknown> = {}): Prompt {
    const text = this.#render(messages, variables);
    return { tokens: this.#encode(text), thinks: /<think>\s*$/.test(text) };
  }

  #render(messages: readonly Message[], variables: Record<string, unknown>): string {
    try {
      return this.#template.render({
        ...(this.#guardAll(variables) as Record<string, unknown>),
        ...this.#variables,
        messages: messages.map((message) => this.#guarded(message)),
        add_generation_prompt: true,
      });
    } catch (cause) {
      if (cause instanceof FleetError) throw cause;
      const why = cause instanceof Error ? cause.message : 'no reason given';
      throw new FleetError('invalid_request', `messages: the model's chat template refuses them (${why}).`, {
        param: 'messages',
        cause,
      });
    }
  }

  /** `developer` is OpenAI's newer word for `system`. */
  #guarded(message: Message): Record<string, unknown> {
    const role = message.role === 'developer' ? 'system' : message.role;
    const reasoning = message.reasoning_content ?? message.reasoning;
    return {
      role,
      content: this.#guard(messageText(message)),
      ...(message.name === undefined ? {} : { name: this.#guard(message.name) }),
      ...(typeof reasoning === 'string' ? { reasoning_content: this.#guard(reasoning) } : {}),
    };
  }

  #guard(text: string): string {
    const clean = text.replaceAll(guard, '');
    return this.#specials ? clean.replace(this.#specials, guard) : clean;
  }

  /** Every text inside of a value, names of fields among them: templates print tools as JSON. */
  #guardAll(value: unknown, depth = 0): unknown {
    if (depth > variableDepthMax) {
      throw new FleetError(
        'invalid_request',
        `chat_template_kwargs: it nests deeper than ${variableDepthMax} levels.`,
        {
          param: 'chat_template_kwargs',
        },
      );
    }
    if (typeof value === 'string') return this.#guard(value);
    if (Array.isArray(value)) return value.map((each) => this.#guardAll(each, depth + 1));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, each]) => [this.#guard(key), this.#guardAll(each, depth + 1)]);
    return Object.fromEntries(entries);
  }

  #encode(text: string): number[] {
    return text.split(guard).flatMap((piece) => (piece === '' ? [] : this.#tokenizer.encode(piece, true)));
  }
}

function specialsOf({ tokenizer }: TextFiles): RegExp | undefined {
  const added = tokenizer['added_tokens'];
  if (!Array.isArray(added)) return undefined;
  return cutsInside(added.flatMap((token: unknown) => contentOf(token) ?? []));
}
