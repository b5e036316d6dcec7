import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hermes } from './hermes.ts';
import { ToolCallSplit, type SplitCalls } from './split.ts';

const offered = ['a', 'b'].map((name) => ({ name, parameters: {}, strict: false }));

function split(pieces: readonly string[], whole = true): SplitCalls {
  const reader = new ToolCallSplit(hermes, offered);
  const found = [...pieces.map((piece) => reader.push(piece)), reader.end(whole)];
  return { content: found.map(({ content }) => content).join(''), calls: found.flatMap(({ calls }) => calls) };
}
const call = (name: string, rest = '</tool_call>'): string =>
  `<tool_call>\n{"name": "${name}", "arguments": {}}\n${rest}`;
const names = ({ calls }: SplitCalls): string[] => calls.map(({ name }) => name);

describe('calls in an answer', () => {
  it.each<[string, string, string, string[]]>([
    ['are apart from the text', `Let me see.\n${call('a')}`, 'Let me see.', ['a']],
    ['may be several', `${call('a')}\n${call('b')}\n`, '', ['a', 'b']],
    ['may be none', 'No <b>tools</b> here. ', 'No <b>tools</b> here. ', []],
    ['may have text around', `x ${call('a')} y`, 'x y', ['a']],
    ['that are none stay text', `x ${call('zz')} y`, `x ${call('zz')} y`, []],
    ['count beside one that is none', `${call('zz')}\n${call('b')}`, call('zz'), ['b']],
    ['may end with the answer', call('a', ''), '', ['a']],
    ['that only begin are text', 'x <tool_ca', 'x <tool_ca', []],
  ])('%s', (_name, text, content, called) => {
    const found = split([text]);
    expect(found.content).toBe(content);
    expect(names(found)).toEqual(called);
  });

  it('that were cut stay text', () => {
    expect(split([call('a', '')], false)).toEqual({ content: call('a', ''), calls: [] });
  });

  it('do not depend on how the text is cut, and nothing is lost', () => {
    const parts = fc.constantFrom(
      'hi',
      ' ',
      '\n',
      call('a'),
      call('zz'),
      call('b'),
      '<tool_call>',
      '</tool_call>',
      '<',
      '你',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), fc.array(fc.nat(400), { maxLength: 12 }), (said, cuts) => {
        const text = said.join('');
        const at = [0, ...cuts.filter((cut) => cut <= text.length).toSorted((x, y) => x - y), text.length];
        const whole = split([text]);
        expect(split(at.slice(1).map((end, index) => text.slice(at[index], end)))).toEqual(whole);
        // The letters of the text are those of what is said and of what is called; the last call may lack its closing.
        const letters = (from: string): string => from.replaceAll(/\s/g, '').split('').toSorted().join('');
        const calls = names(whole)
          .map((name) => call(name, ''))
          .join('');
        const closed = '</tool_call>'.repeat(whole.calls.length);
        const accounts = [closed, closed.replace('</tool_call>', '')].map((end) =>
          letters(whole.content + calls + end),
        );
        expect(accounts).toContain(letters(text));
      }),
    );
  });
});
