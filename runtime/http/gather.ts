import type { AnswerEnd, AnswerPiece } from '../text/answer-reader.ts';
import type { Merged } from './merge.ts';

/** What becomes of each choice of a request: pieces of its answer, and its end. */
export type AnswerStep = Merged<AnswerPiece, AnswerEnd>;

export type WholeAnswer = AnswerPiece & { end: AnswerEnd | undefined };

/** Every choice's answer as one piece. */
export async function gather(steps: AsyncIterable<AnswerStep>, choices: number): Promise<WholeAnswer[]> {
  const answers = Array.from({ length: choices }, (): WholeAnswer => {
    return { content: '', reasoning: '', calls: [], logprobs: [], end: undefined };
  });
  for await (const step of steps) {
    const answer = answers[step.index];
    if (!answer) continue;
    if ('end' in step) answer.end = step.end;
    else {
      answer.content += step.piece.content;
      answer.reasoning += step.piece.reasoning;
      answer.calls.push(...step.piece.calls);
      answer.logprobs.push(...step.piece.logprobs);
    }
  }
  return answers;
}
