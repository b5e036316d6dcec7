import { bert } from './bert.ts';
import type { Family } from './family.ts';
import { llama } from './llama.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { qwen3Embedding } from './qwen3-embedding.ts';
import { qwen3Moe } from './qwen3-moe.ts';

export const families: readonly Family[] = [llama, qwen2, qwen3, qwen3Moe, qwen3Embedding, bert];
