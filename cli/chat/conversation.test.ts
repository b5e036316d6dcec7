import { systemClock } from '@qwenfleet/core/clock';
import { afterEach, describe, expect, it } from 'vitest';
import { FleetClient } from '../client.ts';
import { serveEndpoint, type Script, type TestEndpoint } from '../harness/endpoint.ts';
import { captureTerminal, until, type CapturedTerminal } from '../harness/terminal.ts';
import { Conversation } from './conversation.ts';

let endpoint: TestEndpoint | undefined;
afterEach(async () => {
  await endpoint?.close();
  endpoint = undefined;
});

const ctrlC = '\u0003';

async function converse(script: Script = {}): Promise<CapturedTerminal & { over: Promise<string> }> {
  endpoint = await serveEndpoint(script);
  const captured = captureTerminal({ tty: true });
  const client = new FleetClient({ url: endpoint.url });
  const over = new Conversation({ client, terminal: captured.terminal, clock: systemClock, model: 'auto' }).run();
  return { ...captured, over };
}

const answers = (out: string): number => out.split('Paris.').length - 1;
const chats = (): Record<string, unknown>[] =>
  (endpoint?.seen ?? []).filter((seen) => seen.path === '/v1/chat/completions').map((seen) => seen.body);

describe('a conversation', () => {
  it('remembers what was said, says who answered, and ends with /exit', async () => {
    const { type, out, err, over } = await converse();
    type('first\n');
    await until(() => /tokens\/s/.test(err()), err);
    type('second\n');
    await until(() => answers(out()) === 2, out);
    type('/exit\n');
    expect(await over).toBe('ok');
    expect(chats()[1]?.['messages']).toEqual([
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'The capital of France is Paris.' },
      { role: 'user', content: 'second' },
    ]);
    expect(err()).toContain('small, 91 % likely to answer well');
  });

  it('answers a question that was typed while another was answered', async () => {
    const { type, out, over } = await converse();
    type('first\nsecond\n/exit\n');
    await over;
    expect(answers(out())).toBe(2);
  });

  it('/new forgets, /model changes who is asked, anything else is explained', async () => {
    const { type, err, over } = await converse();
    type('first\n/new\n/model small\nsecond\n/what\n/exit\n');
    await over;
    expect(chats()[1]).toMatchObject({ model: 'small', messages: [{ role: 'user', content: 'second' }] });
    expect(err().match(/\/new forgets/g)?.length).toBe(2);
  });

  it('goes on after a refusal', async () => {
    const { type, out, err, over } = await converse();
    type('/model nothing\nfirst\n/model auto\nsecond\n/exit\n');
    await over;
    expect(err()).toContain('there is no "nothing"');
    expect(answers(out())).toBe(1);
  });

  it('Ctrl-C stops the answer and frees the server, twice more leaves', async () => {
    const { type, out, err, over } = await converse({ ending: 'never' });
    type('first\n');
    await until(() => answers(out()) === 1, out);
    type(ctrlC);
    await until(() => /stopped/.test(err()), err);
    await until(() => endpoint?.dropped() === 1, err);
    type(ctrlC);
    await until(() => /again leaves/.test(err()), err);
    type(ctrlC);
    expect(await over).toBe('ok');
  });

  it('shows thoughts apart from the answer', async () => {
    const { type, out, err, over } = await converse({ thoughts: ['Let me', ' think.'] });
    type('first\n/exit\n');
    await over;
    expect(out()).not.toContain('think');
    expect(err()).toContain('Let me think.');
  });
});
