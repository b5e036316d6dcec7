import type { Tier } from '@qwenfleet/core/fleet/tier';

/**
 * Which measured models stand for a tier, per file. A tier's label is the mean of its models' scores: several models
 * of about the same size say more of the prompt and less of one model's habits. Base models that do not follow
 * instructions, and models that failed a file's answer format altogether, are left out.
 */
export const tierModels: Record<string, Partial<Record<Tier, readonly string[]>>> = {
  mmlupro: {
    small: ['Qwen1.5-7B-Chat', 'Yi-6b-Chat', 'Mistral-7B-Instruct-v0.2', 'Meta-Llama-3_1-8B-Instruct'],
    medium: ['Mixtral-8x7B-Instruct-v0.1', 'Yi-34B'],
    large: ['Qwen1.5-72B-Chat', 'Qwen1.5-110B', 'Meta-Llama-3-70B', 'Meta-Llama-3_1-70B-Instruct'],
  },
  routellm_mmlu: { medium: ['mixtral-8x7b-instruct'], large: ['gpt-4-1106-preview'] },
  routellm_gsm8k: { medium: ['mixtral-8x7b-instruct'], large: ['gpt-4-1106-preview'] },
  llmrouter_dc: {
    small: ['qwen2.5-7b-instruct', 'llama-3.1-8b-instruct', 'mistral-7b-instruct-v0.3'],
    large: ['llama-3.1-nemotron-51b-instruct', 'llama-3.3-nemotron-super-49b-v1'],
  },
  halluqa_mc: { small: ['qwen-7b-chat', 'baichuan2-7b-chat'], medium: ['qwen-14b-chat', 'baichuan2-13b-chat'] },
};

/**
 * Tasks whose labels say more of the marking than of the prompt: exact match on obscure facts gives a 7B model 15 % and
 * a 51B one 18 %. They are evaluated, never trained on.
 */
export const untrainedFamilies: readonly string[] = ['trivia'];

/**
 * Files whose tasks are asked and marked each in its own way: a difference between two of their tasks says more of the
 * marking than of the prompts, so each task has an offset of its own. In the others subjects differ as prompts do.
 */
export const setsOfManyMarkings: readonly string[] = ['llmrouter_dc'];

export type Pair = { id: string; set: string; weak: string; strong: string; tiers: readonly [Tier, Tier] };

/** Models that a set is judged on, and the tiers they stand for: single models' scores, not the tiers' means. */
export const pairs: readonly Pair[] = [
  pair(
    'MMLU, Mixtral-8x7B / GPT-4',
    'routellm_mmlu',
    ['mixtral-8x7b-instruct', 'gpt-4-1106-preview'],
    ['medium', 'large'],
  ),
  pair(
    'GSM8K, Mixtral-8x7B / GPT-4',
    'routellm_gsm8k',
    ['mixtral-8x7b-instruct', 'gpt-4-1106-preview'],
    ['medium', 'large'],
  ),
  pair('MMLU-Pro, Qwen1.5 7B / 72B', 'mmlupro', ['Qwen1.5-7B-Chat', 'Qwen1.5-72B-Chat'], ['small', 'large']),
  pair('MMLU-Pro, Llama-2 7B / 70B', 'mmlupro', ['Llama-2-7b-hf', 'Llama-2-70b-hf'], ['small', 'large']),
  pair(
    'LLMRouter, Qwen2.5-7B / 51B',
    'llmrouter_dc',
    ['qwen2.5-7b-instruct', 'llama-3.1-nemotron-51b-instruct'],
    ['small', 'large'],
  ),
  pair(
    'MT-Bench, Mixtral-8x7B / GPT-4',
    'routellm_mtbench',
    ['mistralai/Mixtral-8x7B-Instruct-v0.1', 'gpt-4-1106-preview'],
    ['medium', 'large'],
  ),
  pair('HalluQA (zh), Qwen 7B / 14B', 'halluqa_mc', ['qwen-7b-chat', 'qwen-14b-chat'], ['small', 'medium']),
];

/** Three models of one file that stand for the tiers, for what three pools gain together. */
export type Trio = { id: string; set: string; models: Record<Tier, string> };
export const trio: Trio = {
  id: 'MMLU-Pro, Qwen1.5-7B / Yi-34B / Qwen1.5-72B',
  set: 'mmlupro',
  models: { small: 'Qwen1.5-7B-Chat', medium: 'Yi-34B', large: 'Qwen1.5-72B-Chat' },
};

function pair(id: string, set: string, models: readonly [string, string], tiers: readonly [Tier, Tier]): Pair {
  return { id, set, weak: models[0], strong: models[1], tiers };
}

/**
 * What the authors of `data/routing/authored.jsonl` expect of each tier, by kind of prompt. Priors, not measurements:
 * the benchmarks hold no greetings, small talk, everyday facts or requests to write a program.
 */
export const priors: Record<string, Record<Tier, number>> = {
  greeting: { small: 0.97, medium: 0.985, large: 0.99 },
  'small-talk': { small: 0.95, medium: 0.97, large: 0.985 },
  fact: { small: 0.95, medium: 0.965, large: 0.98 },
  everyday: { small: 0.935, medium: 0.955, large: 0.97 },
  light: { small: 0.8, medium: 0.89, large: 0.94 },
  working: { small: 0.6, medium: 0.79, large: 0.9 },
  hard: { small: 0.18, medium: 0.36, large: 0.74 },
};
