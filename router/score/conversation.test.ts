import { describe, expect, it } from 'vitest';
import { read, type Turn } from './conversation.ts';

const user = (text: string): Turn => ({ role: 'user', text });
const assistant = (text: string): Turn => ({ role: 'assistant', text });
const proof = user('Prove that every bounded monotone sequence converges.');

describe('a prompt that says nothing', () => {
  it.each([
    '',
    ' ',
    'yes',
    'no',
    'ok',
    'sure',
    '...',
    '???',
    '42',
    'asdf qwer',
    'asdf qwer zxcv',
    '是的',
    '好',
    '嗯嗯',
    '继续',
    '👍',
    'why?',
    'x',
    'lorem ipsum',
  ])('%j has no signal', (text) => {
    expect(read([user(text)])).toMatchObject({ signal: false, inherited: false });
  });

  it('is also what remains when nobody said anything', () => {
    expect(read([]).signal).toBe(false);
    expect(read([{ role: 'system', text: 'Prove every theorem.' }]).signal).toBe(false);
  });

  it('is also a sentence in a language that the scorer cannot read', () => {
    expect(read([user('Wie heißt die Hauptstadt von Italien?')]).signal).toBe(false);
    expect(read([user('Какая столица Италии?')]).signal).toBe(false);
  });
});

describe('a short reply', () => {
  it.each(['yes', 'go on', 'continue', 'the second one', 'and why is that?', '继续', '好的', '然后呢'])(
    '%j inherits what it replies to',
    (reply) => {
      const reading = read([proof, assistant('Here is the first half.'), user(reply)]);
      expect(reading).toMatchObject({ signal: true, inherited: true });
      expect(reading.seen.hits('proof')).toBeGreaterThan(0);
    },
  );

  it('looks past other short replies', () => {
    const turns = [
      proof,
      assistant('Part one.'),
      user('yes'),
      assistant('Part two.'),
      user('ok'),
      assistant('…'),
      user('go on'),
    ];
    expect(read(turns).seen.hits('proof')).toBeGreaterThan(0);
  });

  it('takes up what the assistant offered', () => {
    const turns = [user('hi'), assistant('Hello. Shall I implement the parser with unit tests?'), user('yes please')];
    expect(read(turns).seen.hits('program')).toBeGreaterThan(0);
  });

  it('takes nothing from what the assistant only said', () => {
    const turns = [user('hi'), assistant('Hello. I can prove theorems.'), user('yes please')];
    expect(read(turns).seen.hits('proof')).toBe(0);
  });

  it('does not look further back than six user turns', () => {
    const turns = [proof, ...Array.from({ length: 6 }, () => [assistant('…'), user('ok')]).flat(), user('yes')];
    expect(read(turns).signal).toBe(false);
  });
});

describe('a turn that stands alone', () => {
  it.each([
    'Thanks!',
    'What is the capital of Italy?',
    'Translate "dog" into French.',
    '谢谢',
    'Write a poem about rain.',
  ])('%j is not made harder by the turns before it', (text) => {
    expect(read([proof, assistant('Done.'), user(text)])).toMatchObject({ signal: true, inherited: false });
  });

  it('is read from the last user turn, also when tools answered after it', () => {
    const turns = [user('hello'), assistant('Hi.'), proof, assistant(''), { role: 'tool', text: '{"ok":true}' }];
    expect(read(turns).seen.hits('proof')).toBeGreaterThan(0);
  });

  it('is not coloured by the system turn', () => {
    const scene = { role: 'system', text: 'You prove theorems and derive equations. Always be rigorous.' };
    expect(read([scene, user('Hello!')]).seen.hits('proof')).toBe(0);
  });
});
