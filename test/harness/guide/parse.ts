/**
 * A guide is a page of docs/guides whose blocks are run in their order, as a reader would:
 *
 *     ```yaml      its first line, `# fleet.yaml`, names the file that it is written to
 *     ```sh        commands, one a line, that must succeed
 *     ```console   commands after `$ `, each with what it prints; see compare.ts
 *
 * A block after `<!-- not run: why -->` is left out.
 */
export type Step =
  | { kind: 'file'; title: string; name: string; text: string }
  | { kind: 'command'; title: string; command: string; output: string | undefined };

export type Guide = { steps: Step[]; notRun: { why: string; text: string }[] };

const blockPattern = /(?:<!-- not run: ([^\n]*?) -->\n+)?^```(\w*)\n([\s\S]*?)^```$/gm;

/** Throws for a block that no convention covers, so that nothing in a guide is quietly left unrun. */
export function parseGuide(markdown: string): Guide {
  const guide: Guide = { steps: [], notRun: [] };
  for (const [, why, language = '', text = ''] of markdown.matchAll(blockPattern)) {
    if (why !== undefined) guide.notRun.push({ why, text });
    else guide.steps.push(...stepsOf(language, text));
  }
  return guide;
}

function stepsOf(language: string, text: string): Step[] {
  if (language === 'yaml') return [fileStep(text)];
  if (language === 'sh') return joined(text).map((command) => commandStep(command, undefined));
  if (language === 'console') return consoleSteps(text);
  throw new Error(`a block of "${language}" is neither yaml, sh nor console:\n${text}`);
}

function fileStep(text: string): Step {
  const name = /^# (\S+\.yaml)\b/.exec(text)?.[1];
  if (name === undefined) throw new Error(`a yaml block does not begin with "# NAME.yaml":\n${text}`);
  return { kind: 'file', title: name, name, text };
}

const commandStep = (command: string, output: string | undefined): Step => ({
  kind: 'command',
  title: `$ ${command.split('\n')[0]}`,
  command,
  output,
});

/** Lines that end in a backslash go on. */
const joined = (text: string): string[] =>
  text
    .trim()
    .split(/(?<!\\)\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));

function consoleSteps(text: string): Step[] {
  const [before, ...parts] = `\n${text}`.split(/\n\$ /);
  if (before?.trim() !== '') throw new Error(`a console block does not begin with "$ ":\n${text}`);
  return parts.map((part) => {
    const [command = ''] = part.split(/(?<!\\)\n/);
    return commandStep(command, part.slice(command.length).trim());
  });
}
