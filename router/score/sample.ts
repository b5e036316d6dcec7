/** Characters read from the beginning and the end of a prompt; what lies between counts by its length only. */
export const sampleHeadChars = 3000;
export const sampleTailChars = 1000;

export type Sample = { text: string; totalChars: number };

/** The part of a prompt that is read. Never cuts a surrogate pair in a way that matters: both halves count as nothing. */
export function sampleOf(prompt: string): Sample {
  const totalChars = prompt.length;
  if (totalChars <= sampleHeadChars + sampleTailChars) return { text: prompt, totalChars };
  return { text: `${prompt.slice(0, sampleHeadChars)}\n${prompt.slice(totalChars - sampleTailChars)}`, totalChars };
}
