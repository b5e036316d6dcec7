import { describe, expect, it } from 'vitest';
import { looksLike } from './compare.ts';
import { parseGuide } from './parse.ts';
import { follow } from './run.ts';
import { Session } from './session.ts';

const page = `# A guide

\`\`\`yaml
# pool.yaml
kind: Pool
\`\`\`

\`\`\`sh
cat pool.yaml | \\
  grep kind
export GREETING=hello
\`\`\`

Text with \`\`\` in it.

<!-- not run: there is no such registry -->
\`\`\`sh
docker push
\`\`\`

\`\`\`console
$ echo $GREETING
hello
$ ls charts
…
qwenfleet
…
\`\`\`
`;

describe('a guide', () => {
  it('is files and commands in their order, and says what is not run', () => {
    const { steps, notRun } = parseGuide(page);
    expect(steps.map(({ title }) => title)).toEqual([
      'pool.yaml',
      '$ cat pool.yaml | \\',
      '$ export GREETING=hello',
      '$ echo $GREETING',
      '$ ls charts',
    ]);
    expect(notRun).toEqual([{ why: 'there is no such registry', text: 'docker push\n' }]);
  });

  it('may not have a block that nobody would run', () => {
    expect(() => parseGuide('```json\n{}\n```')).toThrow('neither yaml, sh nor console');
    expect(() => parseGuide('```yaml\nkind: Pool\n```')).toThrow('does not begin with "# NAME.yaml"');
    expect(() => parseGuide('```console\nhello\n```')).toThrow('does not begin with "$ "');
  });

  it('is followed in one shell, by whoever has a clone', async () => {
    const session = new Session({ hello: 'echo hello' }, {});
    try {
      for (const step of parseGuide(page).steps) await follow(session, step);
      const [wrong] = parseGuide('```console\n$ echo one\ntwo\n```').steps;
      const [failing] = parseGuide('```sh\nfalse\n```').steps;
      if (!wrong || !failing) throw new Error('there are no steps');
      await expect(follow(session, wrong)).rejects.toThrow('where the guide shows');
      await expect(follow(session, failing)).rejects.toThrow('ended with 1');
    } finally {
      session.end();
    }
  });
});

describe('what a guide shows', () => {
  const shown = 'NAME    READY   REV          AGE\nqwen    1       1f549acd11   2m5s';
  it('is printed, whatever the age, the revision and the width of columns', () => {
    expect(looksLike(shown, 'NAME   READY  REV         AGE\nqwen   1      2a549acd11  37s\n')).toBe(true);
    expect(looksLike('Serving  3s  from', 'Serving   116s (x2 over 2m16s)   from')).toBe(true);
    expect(looksLike('qwen-7b-1f549acd11-56c894bbbc-77qvq', 'qwen-7b-0b6a5cebf0-599b9f4447-8fsbs')).toBe(true);
  });

  it.each([
    ['another number', 'NAME   READY  REV         AGE\nqwen   2      2a549acd11  37s\n'],
    ['a line less', 'NAME   READY  REV         AGE\n'],
    ['a line more', 'NAME   READY  REV         AGE\nqwen   1      2a549acd11  37s\nother\n'],
    ['nothing', ''],
  ])('is not %s', (_what, printed) => {
    expect(looksLike(shown, printed)).toBe(false);
  });

  it('may leave out what does not matter', () => {
    expect(looksLike('Name: …\n…\nEvents:', 'Name: a\nb\nc\nEvents:')).toBe(true);
    expect(looksLike('Name: …\n…\nEvents:', 'Name: a\nb\nc\n')).toBe(false);
  });
});
