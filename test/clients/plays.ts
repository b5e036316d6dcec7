import { setTimeout as sleep } from 'node:timers/promises';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';
import { answers, beginStream, chunk, completion, type Call, type Script } from '@qwenfleet/router/harness/upstream';

/** What the scripted server reads of a request. */
type Asked = {
  model?: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages?: { role: string; content?: unknown }[];
};
type Play = (call: Call, asked: Asked, argument: string) => void | Promise<void>;

const usage = {
  prompt_tokens: 5,
  completion_tokens: 7,
  total_tokens: 12,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 2 },
};

type Delta = Record<string, unknown>;

/** The same answer whole and streamed, as a model server would give it. */
const says =
  (message: Delta, deltas: readonly Delta[], finish = 'stop'): Play =>
  (call, asked) => {
    if (asked.stream !== true) {
      const choice = { index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: finish };
      return answers(200, { ...completion, choices: [choice], usage })(call, 0);
    }
    beginStream(call.response);
    for (const delta of [{ role: 'assistant', content: '' }, ...deltas]) call.response.write(chunk(delta));
    call.response.end(ending(asked, finish));
  };

const ending = (asked: Asked, finish: string): string =>
  chunk({}, finish) + (asked.stream_options?.include_usage === true ? usageChunk : '') + sseDone;
const usageChunk = encodeSse({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'up',
  choices: [],
  usage,
});

const text = (...pieces: readonly string[]): Play =>
  says(
    { content: pieces.join('') },
    pieces.map((content) => ({ content })),
  );

/** Every way in which UTF-8 can be cut: two, three and four bytes, joiners, and a flag of two letters. */
export const worldText = 'Zürich 你好 👩🏽‍🚀 🇨🇭 — “ok”';

/** Cut inside of characters. */
const world: Play = async (call, asked) => {
  if (asked.stream !== true) return text(worldText)(call, asked, '');
  beginStream(call.response);
  call.response.write(chunk({ role: 'assistant', content: '' }));
  const bytes = Buffer.from(Array.from(worldText, (character) => chunk({ content: character })).join(''));
  for (let at = 0; at < bytes.length; at += 97) {
    call.response.write(bytes.subarray(at, at + 97));
    // A turn of the loop each, or the socket would join them.
    await sleep(0);
  }
  call.response.end(ending(asked, 'stop'));
};

const called = (index: number, city: string): Delta => ({
  index,
  id: `call_${index}`,
  type: 'function',
  function: { name: 'get_weather', arguments: `{"city":"${city}"}` },
});
const callDeltas = (index: number, city: string): Delta[] => [
  {
    tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: 'get_weather', arguments: '' } }],
  },
  { tool_calls: [{ index, function: { arguments: '{"city":' } }] },
  { tool_calls: [{ index, function: { arguments: `"${city}"}` } }] },
];

const calls = (...cities: readonly string[]): Play => {
  const message = { content: null, tool_calls: cities.map((city, index) => withoutIndex(called(index, city))) };
  return says(
    message,
    cities.flatMap((city, index) => callDeltas(index, city)),
    'tool_calls',
  );
};
const withoutIndex = ({ index: _index, ...rest }: Delta): Delta => rest;

/** Calls once, and says what came back. */
const agent: Play = (call, asked, argument) => {
  const results = (asked.messages ?? []).filter(({ role }) => role === 'tool');
  if (results.length === 0) return calls('Bern')(call, asked, argument);
  return text(`It is: ${results.map(({ content }) => textOf(content)).join(', ')}.`)(call, asked, argument);
};

/** What arrived, as JSON. */
const echo: Play = (call, asked, argument) => text(call.text)(call, asked, argument);

/** What was asked of the stage by earlier plays, by their arguments. */
const left = new Set<string>();
const counts = new Map<string, number>();
const waiting = new Map<string, () => void>();

/** Goes on until the reader leaves. */
const endless: Play = async ({ response }, _asked, argument) => {
  beginStream(response);
  response.write(chunk({ role: 'assistant', content: '' }));
  response.once('close', () => left.add(argument));
  while (!response.destroyed) {
    response.write(chunk({ content: 'and ' }));
    await sleep(5);
  }
};

/** Waits after its first word until somebody plays `resume` with the same argument. */
const pause: Play = async (call, asked, argument) => {
  beginStream(call.response);
  call.response.write(chunk({ role: 'assistant', content: '' }) + chunk({ content: 'first' }));
  await new Promise<void>((resolve) => waiting.set(argument, resolve));
  call.response.end(chunk({ content: ' last' }) + ending(asked, 'stop'));
};
const resume: Play = (call, asked, argument) => {
  waiting.get(argument)?.();
  waiting.delete(argument);
  return text('resumed')(call, asked, argument);
};

/** `TIMES NAME`: is busy so often, and then answers. */
const busy: Play = (call, asked, argument) => {
  const [times = '1', name = ''] = argument.split(' ');
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  if (count > Number(times)) return text('Here I am.')(call, asked, argument);
  return refuses(429, 'rate_limit_error', 'slow_down', { 'retry-after-ms': '20' })(call, asked, argument);
};

const refuses =
  (status: number, type: string, code: string, headers: Record<string, string> = {}): Play =>
  (call) =>
    answers(status, { error: { message: `The server says ${code}.`, type, param: null, code } }, headers)(call, 0);

const begun: Play = ({ response }) => {
  beginStream(response);
  response.write(chunk({ role: 'assistant', content: '' }) + chunk({ content: 'Once upon' }));
};

/** The answers that can be asked for, as `play NAME ARGUMENT`. */
const plays: Readonly<Record<string, Play>> = {
  hello: text('Hel', 'lo.'),
  world,
  thinking: says({ reasoning_content: 'Let me see.', content: 'Four.' }, [
    { reasoning_content: 'Let me' },
    { reasoning_content: ' see.' },
    { content: 'Fo' },
    { content: 'ur.' },
  ]),
  call: calls('Bern'),
  calls: calls('Bern', 'Oslo'),
  agent,
  city: text('{"city":', '"Bern","large":', 'false}'),
  echo,
  length: (call, asked, argument) => text(String(argument.length))(call, asked, argument),
  filtered: says({ content: 'I' }, [{ content: 'I' }], 'content_filter'),
  refusal: says({ content: null, refusal: 'I will not.' }, [{ refusal: 'I will' }, { refusal: ' not.' }]),
  commented: async (call, asked) => {
    beginStream(call.response);
    const events = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hel' }), chunk({ content: 'lo.' })];
    const lines = events.map((event) => `: still here\n\n${event}`).join('') + ending(asked, 'stop');
    call.response.end(lines.replaceAll('\n', '\r\n'));
  },
  endless,
  left: (call, asked, argument) => text(left.has(argument) ? 'yes' : 'no')(call, asked, argument),
  pause,
  resume,
  busy,
  // Longer than a gateway waits by itself.
  crowded: refuses(429, 'rate_limit_error', 'slow_down', { 'retry-after-ms': '4000', 'retry-after': '4' }),
  crash: refuses(500, 'server_error', 'engine_failed'),
  'too-long': refuses(400, 'invalid_request_error', 'context_length_exceeded'),
  silence: () => undefined,
  breaks: async (call, asked, argument) => {
    await begun(call, asked, argument);
    // What was written is to arrive before the connection breaks.
    await sleep(20);
    call.response.socket?.resetAndDestroy();
  },
  fails: async (call, asked, argument) => {
    await begun(call, asked, argument);
    const error = { message: 'The engine failed.', type: 'server_error', param: null, code: 'engine_failed' };
    call.response.end(encodeSse({ error }) + sseDone);
  },
};

/** A model server that answers what it is asked to. Parts of a path before `/v1` are ignored. */
export const stage: Script = (call, number) => {
  if (!call.path.endsWith('/v1/chat/completions')) return answers(404, 'not played here')(call, number);
  // Sent by the gateway under test.
  const asked = JSON.parse(call.text) as Asked;
  const words = textOf(asked.messages?.findLast(({ role }) => role === 'user')?.content);
  const [, name = 'hello', argument = ''] = /^play ([\w-]+) ?([^]*)$/.exec(words) ?? [];
  return (plays[name] ?? refuses(400, 'invalid_request_error', 'no_such_play'))(call, asked, argument);
};

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: unknown }) => (typeof part.text === 'string' ? part.text : '')).join('');
}
