import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pools, serveEndpoint, type Script, type TestEndpoint } from './harness/endpoint.ts';
import { captureTerminal } from './harness/terminal.ts';
import { run } from './program.ts';

let endpoint: TestEndpoint | undefined;
afterEach(async () => {
  await endpoint?.close();
  endpoint = undefined;
});

async function qwenfleet(args: string[], input?: string): Promise<{ code: number; out: string; err: string }> {
  const { terminal, out, err } = captureTerminal(input === undefined ? {} : { input });
  const code = await run(args, terminal);
  return { code, out: out(), err: err() };
}

async function withEndpoint(script: Script = {}): Promise<string> {
  endpoint = await serveEndpoint(script);
  return endpoint.url;
}

describe('help', () => {
  it('shows examples, commands, exit codes and the environment, and succeeds', async () => {
    const { code, out, err } = await qwenfleet(['--help']);
    expect(code).toBe(0);
    for (const word of [
      'up',
      'status',
      'top',
      'slo',
      'chat',
      'route',
      'models',
      'crds',
      'version',
      'Exit codes',
      '130',
      'NO_COLOR',
    ]) {
      expect(out).toContain(word);
    }
    expect(out.indexOf('Examples')).toBeLessThan(out.indexOf('Commands'));
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(err).toBe('');
  });

  it.each([
    ['up'],
    ['status'],
    ['top'],
    ['slo'],
    ['chat'],
    ['route', 'explain'],
    ['models', 'pull'],
    ['models', 'quality'],
    ['models', 'list'],
    ['crds'],
  ])('of %s %s offers --json', async (...command) => {
    const { code, out } = await qwenfleet([...command.filter((word) => word !== undefined), '--help']);
    expect(code).toBe(0);
    expect(out).toContain('--json');
  });
});

describe('a command line that is not valid', () => {
  it.each([
    [['sttus'], /status/],
    [['status', '--prot', '1'], /--port/],
    [['status', '--port', 'x'], /0 to 65535/],
    [['status', '--port', '65536'], /0 to 65535/],
    [['up', '--profile', 'big'], /qwen3, demo/],
    [['chat', '--url', 'ftp://x', 'hi'], /http\(s\)/],
    [['models', 'pull'], /uri/],
    [[], /Commands/],
  ])('%j ends with 2 and says what would be', async (args, words) => {
    const { code, out, err } = await qwenfleet(args);
    expect(code).toBe(2);
    expect(err).toMatch(words);
    expect(out).toBe('');
  });
});

describe('an endpoint that is not there', () => {
  it.each([[['chat', 'hi']], [['route', 'explain', 'hi']], [['models', 'list']], [['status']]])(
    '%j ends with 3 and says how to start one',
    async (args) => {
      const { code, out, err } = await qwenfleet([...args, '--url', 'http://127.0.0.1:9']);
      expect(code).toBe(3);
      expect(err).toContain('127.0.0.1:9');
      expect(err).toContain('npm start');
      expect(out).toBe('');
    },
  );

  it('is told as JSON on standard error when JSON was asked for', async () => {
    const { err } = await qwenfleet(['models', 'list', '--json', '--url', 'http://127.0.0.1:9']);
    expect(JSON.parse(err)).toMatchObject({ error: { exit: 'unreachable' } });
  });
});

describe('chat with a question', () => {
  it('puts the answer on standard output and who gave it on standard error', async () => {
    const { code, out, err } = await qwenfleet(['chat', 'capital', 'of', 'France?', '--url', await withEndpoint()]);
    expect(code).toBe(0);
    expect(out).toBe('The capital of France is Paris.\n');
    expect(err).toMatch(/small, 91 % likely to answer well, [\d.]+ m?s to first token, [\d.]+ tokens\/s, 3 tokens/);
    expect(err).toContain('a short factual question');
    expect(endpoint?.seen.find((seen) => seen.path === '/v1/chat/completions')?.body).toMatchObject({
      model: 'auto',
      stream: true,
      messages: [{ role: 'user', content: 'capital of France?' }],
    });
  });

  it('takes the question from a pipe, and with - adds what is piped to the question', async () => {
    const url = await withEndpoint();
    await qwenfleet(['chat', '--url', url], 'piped question\n');
    await qwenfleet(['chat', 'Review this', '-', '--url', url], 'the diff\n');
    const asked = endpoint?.seen
      .filter((seen) => seen.path === '/v1/chat/completions')
      .map((seen) => seen.body['messages']);
    expect(asked).toEqual([
      [{ role: 'user', content: 'piped question' }],
      [{ role: 'user', content: 'Review this\n\nthe diff' }],
    ]);
  });

  it('gives one JSON object with --json', async () => {
    const { out, err } = await qwenfleet(['chat', 'hi', '--json', '--url', await withEndpoint({ thoughts: ['Hm.'] })]);
    expect(JSON.parse(out)).toMatchObject({
      text: 'The capital of France is Paris.',
      thought: 'Hm.',
      pool: 'small',
      decision: 'best-value',
      finishReason: 'stop',
      promptTokens: 7,
      completionTokens: 3,
      explanation: { words: 'small: a short factual question' },
    });
    expect(err).toBe('');
  });

  it.each([
    ['error', /lost its process/],
    ['cut', /not complete/],
  ] as const)('fails when the stream ends with %s, and keeps what came', async (ending, words) => {
    const { code, out, err } = await qwenfleet(['chat', 'hi', '--url', await withEndpoint({ ending })]);
    expect(code).toBe(1);
    expect(out).toBe('The capital of France is Paris.\n');
    expect(err).toMatch(words);
  });

  it('passes on what the endpoint refuses', async () => {
    const { code, err } = await qwenfleet(['chat', 'hi', '--model', 'nothing', '--url', await withEndpoint()]);
    expect(code).toBe(1);
    expect(err).toContain('there is no "nothing"');
  });

  it('names the variable for the key when the endpoint wants one', async () => {
    const { code, err } = await qwenfleet(['chat', 'hi', '--url', await withEndpoint({ key: 'secret' })]);
    expect(code).toBe(1);
    expect(err).toContain('QWENFLEET_API_KEY');
  });

  it('without any question is refused', async () => {
    const { code, err } = await qwenfleet(['chat', '--url', 'http://127.0.0.1:9'], '');
    expect(code).toBe(2);
    expect(err).toContain('chat "');
  });
});

describe('asking the endpoint', () => {
  it('route explain says the decision in words, with a table and what was seen', async () => {
    const { code, out } = await qwenfleet(['route', 'explain', 'hi there', '--url', await withEndpoint()]);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'small: a short factual question',
        '',
        'POOL     P(GOOD)  COST   WAIT  ELIGIBLE  WHY',
        'small *     91 %  0.25      -  yes       best value',
        'large       96 %     1  4.2 s  yes',
        '',
        'What the router saw:',
        '  length: 2.58',
        '  simple ask: 1',
        '',
      ].join('\n'),
    );
    expect(endpoint?.seen.map((seen) => seen.path)).toEqual(['/v1/route/explain']);
  });

  it('models list is a table, or JSON', async () => {
    const url = await withEndpoint();
    expect((await qwenfleet(['models', 'list', '--url', url])).out).toBe(
      [
        'MODEL  POOL   TIER   STATUS  CONTEXT',
        'auto   -      -      -             -',
        'small  small  small  ready      2048',
        '',
      ].join('\n'),
    );
    const { out } = await qwenfleet(['models', 'list', '--json', '--url', url]);
    expect(JSON.parse(out)[1]).toMatchObject({ id: 'small', status: 'ready' });
  });

  it('status of an endpoint elsewhere is what the endpoint tells', async () => {
    const url = await withEndpoint();
    const { code, out } = await qwenfleet(['status', '--url', url]);
    expect(code).toBe(0);
    expect(out).toMatch(/^POOL .*\nsmall +small .* ready .*1\/1/);
    expect(JSON.parse((await qwenfleet(['status', '--json', '--url', url])).out)).toMatchObject({ url, pools });
  });
});

describe('crds', () => {
  it('prints every definition, ready for kubectl apply', async () => {
    const { code, out } = await qwenfleet(['crds']);
    expect(code).toBe(0);
    expect(out.match(/^kind: CustomResourceDefinition$/gm)).toHaveLength(3);
    expect(out.match(/^---$/gm)).toHaveLength(2);
  });

  it('writes them into a folder, and a second time touches nothing', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-crds-'));
    await qwenfleet(['crds', '--write', folder]);
    expect(readdirSync(folder)).toHaveLength(3);
    const again = await qwenfleet(['crds', '--write', folder, '--json']);
    for (const line of again.out.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ changed: false });
    const yaml = readFileSync(path.join(folder, 'qwenfleet.io_qwendeployments.yaml'), 'utf8');
    expect((await qwenfleet(['crds'])).out).toContain(yaml.trimEnd());
  });
});

describe('version', () => {
  it('names itself and its Node', async () => {
    expect((await qwenfleet(['version'])).out).toMatch(/^qwenfleet \d+\.\d+\.\d+ \(Node \d+/);
    expect(JSON.parse((await qwenfleet(['version', '--json'])).out)).toMatchObject({ node: process.versions.node });
    expect((await qwenfleet(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
