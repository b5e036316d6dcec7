import { encodeSse } from '@qwenfleet/core/openai/sse';
import type { Usage } from '@qwenfleet/core/openai/usage';
import type { ChatChunk } from './chat.ts';
import type { ResponsesRequest } from './request.ts';
import {
  callItem,
  messageItem,
  reasoningItem,
  responseObject,
  statusOf,
  textPart,
  type ChatHead,
  type OutputItem,
  type ResponseStatus,
} from './response.ts';

type Fields = Record<string, unknown>;
type Delta = NonNullable<ChatChunk['choices'][number]['delta']>;
/** The item that is being written; calls are told apart by the chat's own index. */
type Open = {
  kind: 'message' | 'reasoning' | 'call';
  id: string;
  call: number;
  callId: string;
  name: string;
  text: string;
};

/** The chunks of a chat as the events of a response. Each call gives the text of the events that follow. */
export class ResponseEvents {
  readonly #request: ResponsesRequest;
  readonly #output: OutputItem[] = [];
  #head: ChatHead | undefined;
  #open: Open | undefined;
  #finish: string | null = null;
  #usage: Usage | null = null;
  #sequence = 0;
  #over = false;

  constructor(request: ResponsesRequest) {
    this.#request = request;
  }

  push(chunk: ChatChunk): string {
    if (this.#over) return '';
    if (chunk.error) return this.#fail(chunk.error);
    const begun = this.#begin(chunk);
    this.#usage = chunk.usage ?? this.#usage;
    const [choice] = chunk.choices;
    this.#finish = choice?.finish_reason ?? this.#finish;
    return begun + this.#read(choice?.delta ?? {});
  }

  #read({ content, tool_calls: calls, ...thought }: Delta): string {
    const events: string[] = [];
    const thoughts = thought.reasoning_content ?? thought.reasoning;
    if (thoughts) events.push(this.#write({ kind: 'reasoning' }, thoughts));
    if (content) events.push(this.#write({ kind: 'message' }, content));
    for (const { index, id, function: call } of calls ?? [])
      events.push(
        this.#write({ kind: 'call', call: index, callId: id ?? '', name: call?.name ?? '' }, call?.arguments ?? ''),
      );
    return events.join('');
  }

  /** The chat's mark has come. */
  done(): string {
    if (this.#over) return '';
    this.#over = true;
    // An answer without a word is still a message.
    const empty = !this.#open && this.#output.length === 0 ? this.#write({ kind: 'message' }, '') : '';
    const closed = this.#close();
    const status = statusOf(this.#finish);
    return empty + closed + this.#emit(`response.${status}`, { response: this.#response(status) });
  }

  #begin(chunk: ChatChunk): string {
    if (this.#head) return '';
    this.#head = { id: chunk.id, created: chunk.created, model: chunk.model };
    const response = this.#response('in_progress');
    return this.#emit('response.created', { response }) + this.#emit('response.in_progress', { response });
  }

  /** A plain loop over the events throws at the last one; who looks at types is told by the one before. */
  #fail(error: NonNullable<ChatChunk['error']>): string {
    this.#over = true;
    this.#head ??= { id: '', created: 0, model: this.#request.model };
    const { message } = error;
    const code = String(error.code);
    const response = { ...this.#response('failed'), error: { code, message } };
    return (
      this.#emit('response.failed', { response }) +
      this.#emit('error', { code, message, param: error.param ?? null, error })
    );
  }

  #write(what: Partial<Open> & Pick<Open, 'kind'>, text: string): string {
    const same = this.#open?.kind === what.kind && this.#open.call === (what.call ?? 0);
    const opened = same ? '' : this.#close() + this.#start(what);
    const open = this.#open;
    if (!open || text === '') return opened;
    open.text += text;
    return opened + this.#emit(deltaEvents[open.kind], { ...this.#at(open), delta: text, ...logprobsOf(open) });
  }

  #start(what: Partial<Open> & Pick<Open, 'kind'>): string {
    const id = `${prefixes[what.kind]}_${this.#head?.id}_${this.#output.length}`;
    this.#open = { call: 0, callId: '', name: '', text: '', ...what, id };
    const item = { ...itemOf(this.#open), ...(what.kind === 'call' ? {} : { content: [] }), status: 'in_progress' };
    const added = this.#emit('response.output_item.added', { output_index: this.#output.length, item });
    if (what.kind === 'call') return added;
    return added + this.#emit('response.content_part.added', { ...this.#at(this.#open), part: partOf(what.kind, '') });
  }

  #close(): string {
    const open = this.#open;
    if (!open) return '';
    this.#open = undefined;
    const item = itemOf(open);
    const at = this.#at(open);
    const written =
      open.kind === 'call' ? { arguments: open.text, name: open.name } : { text: open.text, ...logprobsOf(open) };
    const events = [this.#emit(doneEvents[open.kind], { ...at, ...written })];
    if (open.kind !== 'call')
      events.push(this.#emit('response.content_part.done', { ...at, part: partOf(open.kind, open.text) }));
    events.push(this.#emit('response.output_item.done', { output_index: this.#output.length, item }));
    this.#output.push(item);
    return events.join('');
  }

  #at(open: Open): Fields {
    const at = { item_id: open.id, output_index: this.#output.length };
    return open.kind === 'call' ? at : { ...at, content_index: 0 };
  }

  #response(status: ResponseStatus): Fields {
    const head = this.#head ?? { id: '', created: 0, model: '' };
    return responseObject(this.#request, {
      head,
      status,
      output: this.#output,
      finish: this.#finish,
      usage: this.#usage,
    });
  }

  #emit(type: string, fields: Fields): string {
    return `event: ${type}\n${encodeSse({ type, sequence_number: this.#sequence++, ...fields })}`;
  }
}

const prefixes = { message: 'msg', reasoning: 'rs', call: 'fc' } as const;
const deltaEvents = {
  message: 'response.output_text.delta',
  reasoning: 'response.reasoning_text.delta',
  call: 'response.function_call_arguments.delta',
} as const;
const doneEvents = {
  message: 'response.output_text.done',
  reasoning: 'response.reasoning_text.done',
  call: 'response.function_call_arguments.done',
} as const;

/** Events about text have a place for logprobs. */
const logprobsOf = ({ kind }: Open): Fields => (kind === 'message' ? { logprobs: [] } : {});

const partOf = (kind: 'message' | 'reasoning', text: string): Fields =>
  kind === 'message' ? textPart(text) : { type: 'reasoning_text', text };

function itemOf({ kind, id, text, callId, name }: Open): OutputItem {
  if (kind === 'message') return messageItem(id, text);
  if (kind === 'reasoning') return reasoningItem(id, text);
  return callItem(id, { id: callId, name, arguments: text });
}
