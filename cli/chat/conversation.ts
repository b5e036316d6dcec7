import { createInterface } from 'node:readline';
import type { Clock } from '@qwenfleet/core/clock';
import type { FleetClient } from '../client.ts';
import { asFailure, type Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { describeAnswer, streamAnswer, type Answer, type ChatMessage } from './answer.ts';

/** Turns that go along with a question; older ones are forgotten. */
const turnsKeptMax = 40;

export type ConversationOptions = { client: FleetClient; terminal: Terminal; clock: Clock; model: string };

const help = 'Commands: /new forgets the conversation, /model NAME changes the model, /exit leaves.';

/** Questions and answers until the person leaves. Ctrl-C stops an answer; with none running, twice leaves. */
export class Conversation {
  readonly #options: ConversationOptions;
  #messages: ChatMessage[] = [];
  #model: string;
  #running: AbortController | undefined;
  #warned = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#model = options.model;
  }

  /** Resolves when the person leaves, or when standard input ends. */
  async run(): Promise<Exit> {
    const { terminal, client } = this.#options;
    const lines = createInterface({
      input: terminal.stdin,
      output: terminal.stderr,
      terminal: terminal.stdin.isTTY === true,
      prompt: terminal.styleTalk('bold', '> '),
      historySize: 200,
    });
    terminal.talk(`Chatting with ${this.#model} at ${client.url}. ${help}`);
    lines.on('SIGINT', () => this.#interrupt(() => lines.close()));
    lines.prompt();
    // Lines typed while an answer runs wait in the iterator.
    for await (const line of lines) {
      this.#warned = false;
      if (line.trim() === '/exit' || line.trim() === '/quit') break;
      if (line.trim() !== '') await this.#turn(line.trim());
      lines.prompt();
    }
    lines.close();
    this.#running?.abort();
    terminal.talk('');
    return 'ok';
  }

  #interrupt(leave: () => void): void {
    if (this.#running) return this.#running.abort();
    if (this.#warned) return leave();
    this.#warned = true;
    this.#options.terminal.talk('\nCtrl-C again leaves.');
  }

  async #turn(line: string): Promise<void> {
    if (line.startsWith('/')) return this.#command(line);
    const { terminal } = this.#options;
    this.#running = new AbortController();
    const messages: ChatMessage[] = [...this.#messages, { role: 'user', content: line }];
    try {
      const answer = await speak(this.#options, { model: this.#model, messages }, this.#running.signal);
      if (answer.text !== '') this.#messages = [...messages, assistant(answer)].slice(-2 * turnsKeptMax);
    } catch (error) {
      const failure = asFailure(error);
      terminal.talk(terminal.styleTalk('red', [failure.message, failure.remedy].filter(Boolean).join(' ')));
    } finally {
      this.#running = undefined;
    }
  }

  #command(line: string): void {
    const { terminal } = this.#options;
    const [name, argument] = line.split(/\s+/);
    if (name === '/new') {
      this.#messages = [];
      terminal.talk('The conversation starts over.');
    } else if (name === '/model' && argument !== undefined) {
      this.#model = argument;
      terminal.talk(`Now asking ${argument}.`);
    } else terminal.talk(help);
  }
}

const assistant = (answer: Answer): ChatMessage => ({ role: 'assistant', content: answer.text });

/** Streams one answer to standard output and says on standard error who gave it, why and how fast. */
export async function speak(
  { client, terminal, clock }: Omit<ConversationOptions, 'model'>,
  question: { model: string; messages: ChatMessage[] },
  signal: AbortSignal,
): Promise<Answer> {
  let last = '\n';
  let thinking = false;
  const answer = await streamAnswer(client, question, {
    clock,
    signal,
    onThought: (text) => {
      thinking = true;
      terminal.stderr.write(terminal.styleTalk('dim', text));
    },
    onText: (text) => {
      if (thinking) terminal.stderr.write('\n\n');
      thinking = false;
      last = text;
      terminal.stdout.write(text);
    },
  }).finally(() => {
    if (!last.endsWith('\n')) terminal.stdout.write('\n');
  });
  const { facts, why } = describeAnswer(answer);
  if (facts !== '') terminal.talk(terminal.styleTalk('cyan', facts));
  if (why !== undefined) terminal.talk(terminal.styleTalk('dim', why));
  return answer;
}
