/** Eight prompts whose answers are long enough to be decoded side by side. */
export const eightPrompts = [
  'Tell me about the sea.',
  'Why is the sky blue?',
  'Name five animals of the forest.',
  'How does a bicycle stay upright?',
  'Describe a rainy morning in a small town.',
  'What do bees do in winter?',
  'Write a short poem about a lamp.',
  'Explain what a river delta is.',
] as const;
