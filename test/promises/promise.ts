export const areas = ['fleet', 'operator', 'runtime', 'router', 'routing', 'observability'] as const;
export type Area = (typeof areas)[number];

/** One line of docs/promises.md. */
export type PromiseLine = { id: string; area: Area; text: string; target: Target; command: string };

export type Target = { operator: '<=' | '>=' | '='; value: number; unit: string };

/** What a measurement found; `values` are shown to people beside the one that is judged. */
export type Measurement = { value: number; details?: string };

/** Takes its own measurement in less than a minute. */
export type Measure = () => Promise<Measurement>;

/** A measurement that takes longer is made by its own command and kept with its date and commit. */
export type Recorded = Measurement & { date: string; commit: string };

export const targetPattern = /^(<=|>=|=) (-?[\d.]+)(?: (.+))?$/;

/** `"<= 0.5 s"` to a target. Throws a RangeError on anything else. */
export function parseTarget(text: string): Target {
  const [, operator, value, unit = ''] = targetPattern.exec(text) ?? [];
  if (operator !== '<=' && operator !== '>=' && operator !== '=') {
    throw new RangeError(`"${text}" is not a target such as "<= 5 s"`);
  }
  return { operator, value: Number(value), unit };
}

export function holds(target: Target, value: number): boolean {
  if (target.operator === '<=') return value <= target.value;
  if (target.operator === '>=') return value >= target.value;
  return value === target.value;
}

export const showTarget = ({ operator, value, unit }: Target): string => `${operator} ${value}${unit && ` ${unit}`}`;
