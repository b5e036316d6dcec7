import { spawnSync } from 'node:child_process';
import path from 'node:path';

const script = path.join(import.meta.dirname, 'complexity-router.py');
const timeoutMs = 300_000;
const outputBytesMax = 64 * 1024 * 1024;

export type LiteLlm = { note: string; scores: ReadonlyMap<string, number> | undefined };

/**
 * How complex LiteLLM's complexity router finds each prompt: its score, which says more than the tier that it makes of
 * it. Its package must be installed for `python`; otherwise the note says why there are no scores.
 */
export function liteLlmScores(python: string, prompts: readonly string[]): LiteLlm {
  const input = `${prompts.map((prompt) => JSON.stringify(prompt)).join('\n')}\n`;
  const { status, stdout, stderr, error } = spawnSync(python, [script], {
    input,
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: outputBytesMax,
  });
  if (error || status !== 0) {
    const why = error?.message ?? (stderr.trim().split('\n').at(-1) || `exit ${status}`);
    return {
      note: `LiteLLM's complexity router was not compared (${why}): pip install litellm, then --python PYTHON.`,
      scores: undefined,
    };
  }
  const [version = 'of unknown version', ...scores] = stdout.trim().split('\n');
  if (scores.length !== prompts.length) {
    return {
      note: `LiteLLM's complexity router was not compared: ${scores.length} scores for ${prompts.length} prompts.`,
      scores: undefined,
    };
  }
  return {
    note: `LiteLLM ${version}: the score of its complexity router, without a system prompt.`,
    scores: new Map(prompts.map((prompt, at) => [prompt, Number(scores[at])])),
  };
}
