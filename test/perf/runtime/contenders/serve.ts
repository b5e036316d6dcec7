import { describeError } from '@qwenfleet/core/errors';
import { type Answer, type Contender, type ContenderSettings, type Question } from './contender.ts';

/** Prompt of the first token after a start. */
export const firstPromptTokens = 16;

/**
 * The life of a contender's process, whose argument is its settings as JSON. With a second one, `first`, it answers once it has
 * computed the first token after a short prompt; otherwise it answers questions until its parent goes.
 */
export function serve(open: (settings: ContenderSettings) => Promise<Contender>): void {
  const [settingsText = '', task] = process.argv.slice(2);
  // Written by the bench itself.
  const settings = JSON.parse(settingsText) as ContenderSettings;
  const answer = (what: Answer): void => void process.send?.(what);
  const failed = (error: unknown): void => answer({ error: describeError(error) });
  const opened = open(settings);
  if (task === 'first') {
    opened.then((contender) => contender.prefill(firstPromptTokens)).then((ms) => answer({ ms: [ms] }), failed);
    return;
  }
  process.on('message', (question: Question) => {
    opened
      .then((contender) =>
        'decode' in question
          ? contender.decode(question.decode.batch, question.decode.steps)
          : contender.prefill(question.prefill).then((ms) => [ms]),
      )
      .then((ms) => answer({ ms }), failed);
  });
  opened.then(() => answer({ ready: true }), failed);
}
