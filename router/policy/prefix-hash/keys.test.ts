import type { ChatRequest, CompletionRequest } from '@qwenfleet/core/openai/request';
import { describe, expect, it } from 'vitest';
import { promptKeys } from './keys.ts';

type Message = ChatRequest['messages'][number];
const system = (content: string): Message => ({ role: 'system', content });
const user = (content: Message['content']): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const chat = (messages: Message[], more: Partial<ChatRequest> = {}): ChatRequest => ({
  model: 'small',
  messages,
  ...more,
});
const completion = (prompt: CompletionRequest['prompt']): CompletionRequest => ({ model: 'small', prompt });

const opening = [system('You are a pirate.'), user('Where is the treasure?')];

describe('a conversation', () => {
  it('has the same keys at each of its turns, however long it becomes', () => {
    const turns = [opening];
    for (let turn = 0; turn < 20; turn += 1)
      turns.push([...turns.at(-1)!, assistant(`answer ${turn}`), user(`question ${turn}`)]);
    const keys = turns.map((messages) => promptKeys(chat(messages)));
    expect(new Set(keys.map(({ own }) => own)).size).toBe(1);
    expect(new Set(keys.map(({ shared }) => shared)).size).toBe(1);
  });

  it.each<[string, ChatRequest]>([
    ['another question', chat([system('You are a pirate.'), user('Who are you?')])],
    ['other instructions', chat([system('You are a nurse.'), user('Where is the treasure?')])],
    ['no instructions', chat([user('Where is the treasure?')])],
    ['another adapter', chat(opening, { model: 'tuned' })],
  ])('has other keys than one with %s', (_what, other) => {
    expect(promptKeys(other).own).not.toBe(promptKeys(chat(opening)).own);
  });

  it('shares a key with those that have the same instructions and tools, and no others', () => {
    const { shared } = promptKeys(chat(opening));
    expect(promptKeys(chat([opening[0]!, user('Who are you?')])).shared).toBe(shared);
    expect(promptKeys(chat(opening), '[{"type":"function"}]').shared).not.toBe(shared);
    expect(promptKeys(chat([system('You are a nurse.'), opening[1]!])).shared).not.toBe(shared);
  });

  it('is known by its first words where they come in parts', () => {
    const parts = [system('You are a pirate.'), user([{ type: 'text', text: 'Where is the treasure?' }])];
    expect(promptKeys(chat(parts))).toEqual(promptKeys(chat(opening)));
    expect(() => promptKeys(chat([user([{ type: 'image_url' }]), user(null)]))).not.toThrow();
    expect(() => promptKeys(chat([assistant('Hello.')]))).not.toThrow();
  });

  it('goes by the name that its client gives it', () => {
    const named = (content: string, key: string): number =>
      promptKeys(chat([system('You are a pirate.'), user(content)], { prompt_cache_key: key })).own;
    expect(named('Where?', 'thread-1')).toBe(named('Who?', 'thread-1'));
    expect(named('Where?', 'thread-1')).not.toBe(named('Where?', 'thread-2'));
  });

  it('with a long document has the key of other questions about that document', () => {
    const document = 'The contract says that '.repeat(200);
    const about = (question: string): number => promptKeys(chat([user(document + question)])).own;
    expect(about('Who signs?')).toBe(about('When does it end?'));
  });
});

describe('the work for a key', () => {
  it('is bounded: what comes after the first characters and messages is not looked at', () => {
    const long = 'x'.repeat(4_096);
    const keysOf = (tail: string) => promptKeys(chat([system(long + tail), user('y'.repeat(1_024) + tail)]));
    // The length of what is looked at is the same, and so are the keys.
    expect(keysOf('a')).toEqual(keysOf('b'));
    const leading = Array.from({ length: 8 }, (_, at) => system(`rule ${at}`));
    const { shared } = promptKeys(chat([...leading, system('ninth'), user('Hello')]));
    expect(promptKeys(chat([...leading, system('other'), user('Hello')])).shared).toBe(shared);
  });
});

describe('a bare prompt', () => {
  it('goes by its first characters or tokens', () => {
    const head = 'def main(): '.repeat(30);
    const ownOf = (prompt: CompletionRequest['prompt']): number => promptKeys(completion(prompt)).own;
    expect(ownOf(`${head}one`)).toBe(ownOf(`${head}two`));
    expect(ownOf([`${head}one`, 'else'])).toBe(ownOf(head));
    expect(ownOf('one')).not.toBe(ownOf('two'));
    const tokens = Array.from({ length: 64 }, (_, at) => at);
    expect(ownOf([...tokens, 1])).toBe(ownOf([...tokens, 2]));
    expect(ownOf([1, 2, 3])).not.toBe(ownOf([3, 2, 1]));
  });
});
