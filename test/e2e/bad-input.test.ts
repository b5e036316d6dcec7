import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, streamChat, user } from '../harness/chat.ts';
import { cacheDir, eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { descendants } from '../harness/processes.ts';
import { smallPool } from '../harness/small-pool.ts';

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(async () => {
  await fleet.stop();
});

const chat = (fields: object): string => JSON.stringify({ model: 'small', messages: [user('hi')], ...fields });

type Row = [name: string, body: string, status: number, code: string, param: string | null, words: RegExp[]];

describe('a request that cannot be answered', () => {
  it.each<Row>([
    ['invalid JSON', '{"model": ', 400, 'invalid_json', null, [/JSON/]],
    ['no messages', '{"model":"small"}', 400, 'invalid_request', 'messages', [/messages/, /missing/]],
    [
      'a model that is not served',
      chat({ model: 'gpt-17' }),
      404,
      'model_not_found',
      'model',
      [/gpt-17/, /small/, /auto/],
    ],
    ['negative max_tokens', chat({ max_tokens: -5 }), 400, 'invalid_request', 'max_tokens', [/-5/, /1 or more/]],
    ['a temperature of 3', chat({ temperature: 3 }), 400, 'invalid_request', 'temperature', [/3/, /2/]],
    [
      'an unknown role',
      chat({ messages: [{ role: 'robot', content: 'x' }] }),
      400,
      'invalid_request',
      'messages[0].role',
      [/robot/],
    ],
    [
      'a context that does not fit',
      chat({ messages: [user('word '.repeat(9_000))] }),
      400,
      'context_length_exceeded',
      'messages',
      [/\d{4}/],
    ],
    ['10 MB', chat({ messages: [user('x'.repeat(10 * 1024 * 1024))] }), 413, 'body_too_large', null, [/MiB|bytes/]],
  ])(
    'because of %s gets the right status and a message with a remedy',
    async (_name, ...[body, status, code, param, words]) => {
      const answer = await post(`${fleet.url}/v1/chat/completions`, body);
      expect(answer.status).toBe(status);
      expect(answer.body.error).toMatchObject({ code, param });
      expect(answer.body.error?.type).toMatch(/_error$/);
      for (const word of words) expect(answer.body.error?.message).toMatch(word);
      expect(answer.headers.get('x-request-id')).toBeTruthy();
    },
  );

  it('is refused in the same shape on a route that there is not', async () => {
    expect(await post(`${fleet.url}/v1/nothing`, '{}')).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
  });

  it('leaves every process up', async () => {
    const runtimes = descendants(fleet.process.pid ?? 0).filter((entry) => entry.command.includes('main.ts'));
    expect(runtimes.length).toBeGreaterThanOrEqual(4);
    expect((await streamChat(fleet.url, { model: 'small', messages: [user('hi')], max_tokens: 4 })).done).toBe(true);
  });
});

describe('a model that cannot be loaded', () => {
  function fileWith(bytes: Uint8Array): string {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'qwenfleet-bad-')), 'model.gguf');
    writeFileSync(file, bytes);
    return file;
  }

  it.each([
    ['a truncated GGUF', (): Uint8Array => goodGguf().subarray(0, 5_000_000), /truncated|past the end/i],
    ['a file that is no model', (): Uint8Array => Buffer.from('not a model at all, only words'), /GGUF/],
    ['an architecture that we do not know', (): Uint8Array => renamed(goodGguf()), /architecture|llama|qwen/i],
  ])('such as %s says why, and the router stays up', async (_name, make, words) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-bad-'));
    const fleetPath = path.join(dir, 'fleet.yaml');
    writeFileSync(fleetPath, smallPool(`file://${fileWith(make())}`));
    const broken = await startFleet({ args: ['--fleet', fleetPath], untilListening: true });
    try {
      const status = await eventually(
        async () => JSON.stringify(await (await fetch(`${broken.url}/v1/pools`)).json()),
        (text) => words.test(text),
        30_000,
      );
      expect(status).toMatch(words);
      const answer = await post(`${broken.url}/v1/chat/completions`, chat({}));
      expect(answer.status).toBe(503);
      expect(answer.body.error?.code).toMatch(/pool_unavailable|model_loading/);
    } finally {
      await broken.stop();
    }
  });
});

/** The demo weights, which the fleet of this file has pulled by now. */
function goodGguf(): Buffer {
  const found = findFile(cacheDir, 'SmolLM2-135M-Instruct.Q4_1.gguf');
  return readFileSync(found);
}

function findFile(folder: string, name: string): string {
  const { globSync } = process.getBuiltinModule('node:fs');
  const [found] = globSync(`${folder}/**/${name}`);
  if (!found) throw new Error(`${name} is not in the cache`);
  return found;
}

/** The same file under an architecture name of the same length, so that every offset stays right. */
function renamed(gguf: Buffer): Buffer {
  const copy = Buffer.from(gguf.subarray(0));
  for (let at = copy.indexOf('llama'); at !== -1 && at < 1_000_000; at = copy.indexOf('llama', at + 1))
    copy.write('zebra', at);
  return copy;
}
