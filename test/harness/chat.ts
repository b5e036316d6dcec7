import { SseDecoder } from '@qwenfleet/core/openai/sse';

export type StreamedChat = {
  status: number;
  headers: Headers;
  text: string;
  /** Parsed `data:` events, `[DONE]` left out. */
  chunks: Record<string, unknown>[];
  done: boolean;
  /** Events after `[DONE]`; there must be none. */
  afterDone: number;
  error?: { code: string; message: string };
  firstByteMs: number;
  totalMs: number;
};

type Body = Record<string, unknown>;

export const user = (content: string): { role: 'user'; content: string } => ({ role: 'user', content });

/** POST a chat request and read its stream to the end, whatever the end is. `onText` is called as the text grows. */
export async function streamChat(
  url: string,
  body: Body,
  signal?: AbortSignal,
  onText?: (text: string) => void,
  headers: Record<string, string> = {},
): Promise<StreamedChat> {
  const startedMs = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ...body, stream: true }),
    ...(signal ? { signal } : {}),
  });
  const result: StreamedChat = {
    status: response.status,
    headers: response.headers,
    text: '',
    chunks: [],
    done: false,
    afterDone: 0,
    firstByteMs: performance.now() - startedMs,
    totalMs: 0,
  };
  if (response.status !== 200) {
    result.error = ((await response.json()) as { error: { code: string; message: string } }).error;
    return result;
  }
  const decoder = new SseDecoder();
  for await (const bytes of response.body ?? []) {
    for (const { data } of decoder.push(bytes)) take(result, data);
    if (result.text !== '') onText?.(result.text);
  }
  result.totalMs = performance.now() - startedMs;
  return result;
}

function take(result: StreamedChat, data: string): void {
  if (result.done) result.afterDone += 1;
  if (data === '[DONE]') {
    result.done = true;
    return;
  }
  const chunk = JSON.parse(data) as {
    error?: { code: string; message: string };
    choices?: { delta?: { content?: string } }[];
  };
  if (chunk.error) result.error = chunk.error;
  result.text += chunk.choices?.[0]?.delta?.content ?? '';
  result.chunks.push(chunk);
}

export type JsonAnswer = {
  status: number;
  headers: Headers;
  body: Record<string, never> & { error?: { code: string; param: string | null; message: string; type: string } };
};

/** POST JSON (or text as it is) and read a JSON answer. */
export async function post(url: string, body: Body | string, signal?: AbortSignal): Promise<JsonAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as never };
}
