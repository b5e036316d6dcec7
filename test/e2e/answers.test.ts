import { spawnSync } from 'node:child_process';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, streamChat, user } from '../harness/chat.ts';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';
import { pythonWithOpenAi } from '../harness/python.ts';
import { root } from '../house/imports.ts';
import path from 'node:path';

const question = user('What is the capital of France?');
const pools = ['small', 'medium', 'large'];

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(async () => {
  await fleet.stop();
});

describe('a fleet that has started', () => {
  it('says in under twenty lines where to chat, with which models and why, and how to stop', () => {
    const lines = fleet.stdout().trim().split('\n');
    expect(lines.length).toBeLessThan(20);
    const text = fleet.stdout();
    expect(text).toContain(fleet.url);
    for (const words of [...pools, 'curl', 'Ctrl-C', 'laygrou', 'SmolLM2']) expect(text).toContain(words);
  });

  it('answers the curl line that it printed', () => {
    const line = fleet
      .stdout()
      .split('\n')
      .find((text) => text.includes('curl '));
    const { stdout, status } = spawnSync('bash', ['-c', line?.slice(line.indexOf('curl ')) ?? ''], {
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    expect(stdout.length).toBeGreaterThan(20);
    expect(stdout).not.toContain('"error"');
  });

  it('lists its models', async () => {
    const { data } = await new OpenAI({ baseURL: `${fleet.url}/v1`, apiKey: 'none' }).models.list();
    const ids = data.map((model) => model.id);
    for (const name of ['auto', ...pools]) expect(ids).toContain(name);
  });
});

describe.each(pools)('the %s pool', (model) => {
  it('knows the capital of France, streamed and whole', async () => {
    const whole = await post(`${fleet.url}/v1/chat/completions`, { model, messages: [question], temperature: 0 });
    expect(whole.status).toBe(200);
    expect(JSON.stringify(whole.body)).toContain('Paris');
    expect(whole.headers.get('x-qwenfleet-pool')).toBe(model);
    expect(whole.headers.get('x-request-id')).toBeTruthy();
    const streamed = await streamChat(fleet.url, { model, messages: [question], temperature: 0 });
    expect(streamed.done).toBe(true);
    expect(streamed.text).toBe(
      (whole.body as { choices?: { message: { content: string } }[] }).choices?.[0]?.message.content,
    );
  });
});

describe("OpenAI's own clients", () => {
  const client = (): OpenAI => new OpenAI({ baseURL: `${fleet.url}/v1`, apiKey: 'none' });

  it('in JavaScript get Paris, streaming and not', async () => {
    const request = { model: 'auto', messages: [question], temperature: 0 };
    const whole = await client().chat.completions.create(request);
    expect(whole.choices[0]?.message.content).toContain('Paris');
    expect(whole.usage?.total_tokens).toBeGreaterThan(10);
    const stream = client().chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    expect(await stream.finalContent()).toContain('Paris');
    expect((await stream.totalUsage()).completion_tokens).toBeGreaterThan(0);
  });

  it('in JavaScript see a coded error, and know not to try again', async () => {
    let seen: unknown;
    try {
      await client().chat.completions.create({ model: 'gpt-17', messages: [question] });
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(OpenAI.NotFoundError);
    expect(seen).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
  });

  it('in Python get Paris, streaming and not', async () => {
    const { python, env } = await pythonWithOpenAi();
    const script = path.join(root, 'test/fixtures/python/ask.py');
    const run = spawnSync(python, [script, `${fleet.url}/v1`], { encoding: 'utf8', env });
    expect(run.stderr).toBe('');
    const answer = JSON.parse(run.stdout) as { whole: string; streamed: string; tokens: number; refused: string };
    expect(answer.whole).toContain('Paris');
    expect(answer.streamed).toBe(answer.whole);
    expect(answer.tokens).toBeGreaterThan(10);
    expect(answer.refused).toBe('model_not_found');
  });
});
