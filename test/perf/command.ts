import { availableParallelism, cpus } from 'node:os';

/** What figures were measured on, in a line. */
export const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.versions.node}`;

/** A whole number from 1 on. */
export const isCount = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max;

/** Says why a bench does not begin, and ends with 2. */
export function refuse(why: string): void {
  process.stderr.write(`${why}\n`);
  process.exitCode = 2;
}
