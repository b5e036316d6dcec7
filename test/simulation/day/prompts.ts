import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../../house/imports.ts';

/** Who asks: people who chat, people at work, programs that ask one hard thing after another, and exams. */
export const kinds = ['chat', 'work', 'hard', 'exam'] as const;
export type Kind = (typeof kinds)[number];

/** Prompts of every kind: authored ones in two languages, and questions of benchmarks. */
export function promptsByKind(): Record<Kind, readonly string[]> {
  const authored = linesOf('authored.jsonl');
  const pairs = linesOf('pairs.jsonl');
  const ofKinds = (...wanted: string[]): string[] =>
    authored.filter(({ kind }) => wanted.includes(kind ?? '')).map(({ prompt = '' }) => prompt);
  const ofLevel = (wanted: string): string[] =>
    pairs.filter(({ level }) => level === wanted).flatMap(({ en = '', zh = '' }) => [en, zh]);
  const exam = ['routellm_gsm8k', 'llmrouter_dc_test', 'halluqa_mc'].flatMap((set) =>
    linesOf(`${set}.jsonl.gz`).map(({ prompt = '' }) => prompt),
  );
  return {
    chat: [...ofKinds('greeting', 'small-talk', 'fact', 'everyday'), ...ofLevel('easy')],
    work: [...ofKinds('light', 'working'), ...ofLevel('middle')],
    hard: [...ofKinds('hard'), ...ofLevel('hard')],
    exam,
  };
}

type Line = Partial<Record<'kind' | 'level' | 'prompt' | 'en' | 'zh', string>>;

function linesOf(file: string): Line[] {
  const bytes = readFileSync(path.join(root, 'data/routing', file));
  return (
    (file.endsWith('.gz') ? gunzipSync(bytes) : bytes)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      // Files of this repository; a field that is missing shows as a prompt that is empty.
      .map((line) => JSON.parse(line) as Line)
  );
}
