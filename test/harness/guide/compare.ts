/** Names of pods end in letters and digits that say nothing, without vowels. */
const random = '[bcdfghjklmnpqrstvwxz2456789]';
/** What differs from one run to the next: revisions, names of pods, times, ages, addresses, and how wide columns are. */
const volatile: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`-${random}{6,10}-${random}{5}\\b`, 'g'), '-POD'],
  [/\b[0-9a-f]{10}\b/g, 'REVISION'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME'],
  [/\b(\d+d)?(\d+h)?(\d+m)?(\d+s)?(?=[\s)]|$)/g, 'AGE'],
  [/ \(x\d+ over AGE\)/g, ''],
  [/\b\d+\.\d+\.\d+\.\d+\b/g, 'ADDRESS'],
  [/\s+/g, ' '],
];

const plain = (line: string): string =>
  volatile.reduce((text, [pattern, name]) => text.replace(pattern, (found) => (found === '' ? '' : name)), line).trim();

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/**
 * Whether an output is what a guide shows. `…` stands for anything within a line, and alone on a line for any lines.
 */
export function looksLike(shown: string, printed: string): boolean {
  const lines = shown.trim() === '' ? [] : shown.trim().split('\n');
  const pattern = lines
    .map((line) => (line.trim() === '…' ? '(.*\\n)*?' : `${plain(line).split('…').map(escaped).join('.*')}\\n`))
    .join('');
  const text = printed.trim().split('\n').map(plain).join('\n');
  return new RegExp(`^${pattern}$`).test(text === '' ? '' : `${text}\n`);
}
