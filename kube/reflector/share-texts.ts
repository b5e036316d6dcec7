/** Texts that are remembered: what a fleet repeats, such as labels, images, owners and the names of conditions. */
const textsMax = 20_000;
/** Longer ones are rarely the same. */
const textCharactersMax = 200;

const known = new Map<string, string>();

/**
 * Gives equal texts of parsed JSON one place in memory: every replica of a pool says the same in its own copy. Changes
 * the value in place, and nothing that can be seen in it; what is frozen already is left as it is.
 */
export function shareTexts<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  // Only texts are assigned, each an equal one.
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) {
    const inner = fields[key];
    if (typeof inner === 'string') fields[key] = shared(inner);
    else shareTexts(inner);
  }
  return value;
}

function shared(text: string): string {
  if (text.length > textCharactersMax) return text;
  const same = known.get(text);
  if (same !== undefined) return same;
  // The next objects bring those that matter again.
  if (known.size >= textsMax) known.clear();
  known.set(text, text);
  return text;
}
