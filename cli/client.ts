import { SseDecoder } from '@qwenfleet/core/openai/sse';
import { request, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { Failure } from './failure.ts';
import { errorBodySchema } from './wire.ts';

export type Endpoint = { url: string; apiKey?: string | undefined };

/** An answer that says nothing for this long is taken for lost. */
const silenceMsMax = 600_000;
/** Of an answer that is not what was asked for, no more than this is read. */
const refusalBytesMax = 64 * 1024;

export type EventStream = { headers: (name: string) => string | undefined; events: AsyncGenerator<string> };

/** Speaks to one endpoint. Everything it throws is a Failure that says what to type next. */
export class FleetClient {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  async get<T extends z.ZodType>(path: string, schema: T, signal?: AbortSignal): Promise<z.infer<T>> {
    return this.#read(await this.#send('GET', path, undefined, signal), schema);
  }

  async post<T extends z.ZodType>(path: string, body: unknown, schema: T, signal?: AbortSignal): Promise<z.infer<T>> {
    return this.#read(await this.#send('POST', path, body, signal), schema);
  }

  /** POSTs and gives the data of each event as it comes, `[DONE]` included. */
  async stream(path: string, body: unknown, signal?: AbortSignal): Promise<EventStream> {
    const response = await this.#send('POST', path, body, signal);
    return { headers: (name) => headerOf(response, name), events: this.#events(response) };
  }

  async *#events(response: Dispatcher.ResponseData): AsyncGenerator<string> {
    const decoder = new SseDecoder();
    for await (const bytes of response.body) {
      for (const { data } of decoder.push(bytes as Uint8Array)) yield data;
    }
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    const { url, apiKey } = this.#endpoint;
    let response: Dispatcher.ResponseData;
    try {
      response = await request(`${url}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
        headersTimeout: silenceMsMax,
        bodyTimeout: silenceMsMax,
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw unreachable(url, cause);
    }
    if (response.statusCode >= 400) throw await this.#refused(response);
    return response;
  }

  async #read<T extends z.ZodType>(response: Dispatcher.ResponseData, schema: T): Promise<z.infer<T>> {
    const parsed = schema.safeParse(await response.body.json().catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw new Failure('failed', `${this.url} answers, but not as a qwenfleet endpoint does.`, {
      remedy: 'Check the address; qwenfleet up prints the one it serves.',
    });
  }

  async #refused(response: Dispatcher.ResponseData): Promise<Failure> {
    const text = (await response.body.text()).slice(0, refusalBytesMax);
    const parsed = errorBodySchema.safeParse(jsonOf(text));
    const message = parsed.success ? parsed.data.error.message : `The endpoint answered ${response.statusCode}.`;
    if (response.statusCode !== 401) return new Failure('failed', message);
    return new Failure('failed', message, { remedy: 'Put the key into the environment: QWENFLEET_API_KEY=...' });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const unreachable = (url: string, cause: unknown): Failure =>
  new Failure('unreachable', `Nothing answers at ${url}.`, {
    remedy: 'Start a fleet with "npm start", or give another address with --url.',
    cause,
  });
