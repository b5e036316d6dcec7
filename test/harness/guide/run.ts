import { looksLike } from './compare.ts';
import type { Step } from './parse.ts';
import type { Session } from './session.ts';

const commandMs = 300_000;
/** What is shown comes within this time: a status follows the pods. */
const shownMs = 120_000;
const againMs = 1_000;
/** Commands that only look may be repeated until they print what the guide shows. */
const looking = /^(kubectl (-n \S+ )?(get|describe|events|explain|top)|curl) /;

/** A guide that shows a complaint means that the command fails. */
const refused = /^(Error|error:|The \w+ ".*" is invalid)/;

/** Does what a guide says. Throws when a command fails, or prints something else than the guide shows. */
export async function follow(session: Session, step: Step): Promise<void> {
  if (step.kind === 'file') return session.write(step.name, step.text);
  const { command, output } = step;
  const untilMs = performance.now() + (looking.test(command) ? shownMs : 0);
  for (;;) {
    const result = await session.run(command, commandMs);
    const fits = output === undefined || looksLike(output, result.output);
    if (fits && (result.code !== 0) === refused.test(output ?? '')) return;
    if (performance.now() > untilMs) throw new Error(complaint(step.title, result, output));
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}

const complaint = (title: string, { code, output }: { code: number; output: string }, shown: string | undefined) =>
  `${title} ended with ${code} and printed\n\n${output}\n${shown === undefined ? '' : `where the guide shows\n\n${shown}\n`}`;
