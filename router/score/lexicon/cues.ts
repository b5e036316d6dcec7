/** What a word or phrase gives away about a prompt; each is one feature of the scorer. */
export const cueNames = [
  'greeting',
  'smallTalk',
  'simpleFact',
  'everydayTask',
  'explain',
  'writing',
  'rework',
  'program',
  'systems',
  'proof',
  'derivation',
  'analysis',
  'design',
  'multiStep',
  'constraint',
  'negation',
  'condition',
  'quantity',
  'mathematics',
  'science',
  'medicine',
  'law',
  'economics',
  'humanities',
  'backReference',
] as const;
export type CueName = (typeof cueNames)[number];

/** Index of each cue in every list of counts. */
export const cueAt = Object.fromEntries(cueNames.map((cue, at) => [cue, at])) as Record<CueName, number>;

/** Per cue, words and phrases separated by commas. */
export type Lexicon = Partial<Record<CueName, string>>;
