import { Template } from '@huggingface/jinja';
import { FleetError } from '@qwenfleet/core/errors';
import { messageText, type Message } from '@qwenfleet/core/openai/request';
import { contentOf, cutsInside } from './hugging-face.ts';
import type { TextFiles } from './model-files.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { ToolFormat } from './tools/format.ts';
import { hermes } from './tools/hermes.ts';
import { toolFormatOf } from './tools/registry.ts';
import { toldOfTools } from './tools/told.ts';

/** Put inside what looks like a control token in a client's text, taken out again before the text is encoded. */
const guard = '\u{F8FF}';
/** Of `chat_template_kwargs` and tools: those with their JSON schemas stay far below. */
const variableDepthMax = 64;

/** `thinks`: the template has opened the thinking itself, so that the answer begins inside of it. */
export type Prompt = { tokens: number[]; thinks: boolean };

/** Turns messages into the tokens of a prompt, with the template that the model's own files carry. */
export class ChatTemplate {
  /** How the model writes that a function is to be called. */
  readonly toolFormat: ToolFormat;
  /** The template speaks of thoughts: what the model answers may begin with some. */
  readonly mayThink: boolean;
  readonly #template: Template;
  /** The template itself knows of functions. */
  readonly #knowsTools: boolean;
  readonly #tokenizer: Tokenizer;
  readonly #variables: Record<string, unknown>;
  /** Inside of control tokens: in the template's output they are tokens, in a client's text they are words. */
  readonly #specials: RegExp | undefined;

  private constructor(template: Template, tokenizer: Tokenizer, files: TextFiles) {
    const format = toolFormatOf(files.chatTemplate ?? '');
    this.toolFormat = format ?? hermes;
    this.mayThink = files.chatTemplate?.includes('<think>') === true;
    this.#knowsTools = format !== undefined;
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
   * @param tools functions that the model may call, as OpenAI writes them.
   */
  prompt(messages: readonly Message[], variables: Record<string, unknown> = {}, tools: readonly object[] = []): Prompt {
    const text = this.#knowsTools
      ? this.#render(messages, tools.length === 0 ? variables : { ...variables, tools })
      : this.#render(toldOfTools(messages, tools), variables);
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
      ...(message.tool_call_id === undefined ? {} : { tool_call_id: this.#guard(message.tool_call_id) }),
      ...(message.tool_calls ? { tool_calls: message.tool_calls.map((call) => this.#guardAll(calledOf(call))) } : {}),
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
        `chat_template_kwargs, tools: they nest deeper than ${variableDepthMax} levels.`,
        { param: 'chat_template_kwargs' },
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

/** Templates print arguments as JSON themselves: they are given the object, where there is one. */
function calledOf(call: NonNullable<Message['tool_calls']>[number]): object {
  const { id, type, function: called } = call;
  return { id, type, function: { name: called.name, arguments: parsedOr(called.arguments) } };
}

function parsedOr(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : text;
  } catch {
    return text;
  }
}

function specialsOf({ tokenizer }: TextFiles): RegExp | undefined {
  const added = tokenizer['added_tokens'];
  if (!Array.isArray(added)) return undefined;
  return cutsInside(added.flatMap((token: unknown) => contentOf(token) ?? []));
}
