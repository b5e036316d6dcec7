import { describe, expect, it } from 'vitest';
import { captureTerminal } from '../harness/terminal.ts';
import { widthMax } from '../terminal.ts';
import { greetingLinesMax, renderGreeting, type GreetedPool } from './greeting.ts';

const { terminal } = captureTerminal();
const url = 'http://127.0.0.1:8080';
const pool = (changes: Partial<GreetedPool> = {}): GreetedPool => ({
  name: 'small',
  state: 'ready',
  serves: 'Qwen3-0.6B int8',
  why: 'for easy prompts',
  ...changes,
});
const greet = (pools: GreetedPool[], changes: { profile?: string; guarded?: boolean } = {}): string[] =>
  renderGreeting({ url, profile: changes.profile, guarded: changes.guarded ?? false, pools }, terminal).split('\n');

const words = 'huggingface.co does not answer. Check the network, or try again later.';
const trouble = `${words}\n  at a place\n  and another\n${'and so on '.repeat(50)}`;

describe('the greeting', () => {
  it.each<[string, GreetedPool[]]>([
    ['one pool', [pool()]],
    ['three that answer', [pool(), pool({ name: 'medium' }), pool({ name: 'large' })]],
    ['one at zero', [pool({ state: 'scaled-to-zero' })]],
    ['one that starts', [pool({ state: 'starting' })]],
    ['one that fails in many words', [pool(), pool({ state: 'unavailable', why: trouble })]],
    ['three that fail in many words', Array.from({ length: 3 }, () => pool({ state: 'unavailable', why: trouble }))],
    ['a hundred', Array.from({ length: 100 }, (_, at) => pool({ name: `pool-${at}`, why: trouble }))],
    ['a name that is as long as names may be', [pool({ name: 'n'.repeat(40), serves: 's'.repeat(200) })]],
    ['no pool at all', []],
  ])('stays under twenty lines with %s', (_, pools) => {
    for (const changes of [{}, { profile: 'demo' }, { guarded: true }]) {
      const lines = greet(pools, changes);
      expect(lines.length).toBeLessThanOrEqual(greetingLinesMax);
      const wide = lines.filter((line) => line.length > widthMax);
      // One line is to be copied whole.
      expect(wide.every((line) => line.includes('curl '))).toBe(true);
      for (const part of [`${url}/v1`, `${url}/`, 'Pools:', 'curl', 'chat', 'Ctrl-C'])
        expect(lines.join('\n')).toContain(part);
    }
  });

  it('says so when nothing answers, and not otherwise', () => {
    const bad = pool({ state: 'unavailable', why: words });
    expect(greet([bad, bad])[0]).toBe('qwenfleet is up, and no pool answers.');
    expect(greet([bad, pool()])[0]).toBe('qwenfleet is up.');
    expect(greet([bad, pool({ state: 'scaled-to-zero' })], { profile: 'demo' })[0]).toBe(
      'qwenfleet is up, profile demo.',
    );
  });

  it('gives the beginning of a long reason, and says that there is more', () => {
    const line = greet([pool({ state: 'unavailable', why: trouble })]).find((text) => text.includes('unavailable'));
    expect(line).toMatch(/^ {2}small {2}unavailable {2}Qwen3-0\.6B int8 \(huggingface\.co does not answer\. .*…$/);
    expect(line).toHaveLength(widthMax);
  });

  it('counts the pools that it does not list', () => {
    const lines = greet(Array.from({ length: 9 }, (_, at) => pool({ name: `pool-${at}` })));
    expect(lines).toContain('  and 4 more: see status');
  });
});
