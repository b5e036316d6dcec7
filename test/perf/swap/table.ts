import type { SwapReport } from './measure.ts';

const whole = (value: number): string => value.toFixed(0);
const mebibytes = (bytes: number): string => `${whole(bytes / 2 ** 20)} MiB`;

/** How much longer the longest gap is during the swap. */
export const pauseMs = ({ longestGapMs: { before, during } }: Pick<SwapReport, 'longestGapMs'>): number =>
  Math.max(0, during - before);

/** What the streams noticed, in a few lines. */
export function renderSwap({
  model,
  swapSeconds,
  phases,
  longestGapMs,
  answers,
  of,
  failed,
  wrong,
  residentBytes,
}: SwapReport): string {
  const { before, during } = longestGapMs;
  const grown = ((residentBytes.after - residentBytes.before) / residentBytes.before) * 100;
  return [
    `${model}: new weights under eight streams in ${swapSeconds.toFixed(1)} s, ${answers} answers, ${of.old} of the old weights and ${of.new} of the new.`,
    `The longest gap in a stream is ${whole(during)} ms, and ${whole(before)} ms in as long a time before: a pause of ${whole(pauseMs({ longestGapMs }))} ms.`,
    ...phases.map(
      ({ name, startMs, endMs, longestGapMs: gapMs }) =>
        `  ${name}: ${whole(endMs - startMs)} ms, longest gap ${whole(gapMs)} ms`,
    ),
    `${failed.length} requests failed, ${wrong} got tokens of neither.`,
    `Memory: ${mebibytes(residentBytes.before)} before, ${mebibytes(residentBytes.after)} after (${grown.toFixed(1)} % more).`,
    ...[...new Set(failed)].map((why) => `failed: ${why}`),
  ].join('\n');
}
