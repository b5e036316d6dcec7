/** `850 ms`, `1.2 s`, `14 s`, `3 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 995) return `${Math.round(durationMs)} ms`;
  if (durationMs < 9_950) return `${(durationMs / 1000).toFixed(1)} s`;
  if (durationMs < 119_500) return `${Math.round(durationMs / 1000)} s`;
  return `${Math.round(durationMs / 60_000)} min`;
}

/** `0.914` to `91 %`. */
export const formatShare = (share: number): string => `${Math.round(share * 100)} %`;

/** Three significant digits and no trailing zeros. */
export const formatFigure = (value: number): string => String(Number(value.toPrecision(3)));

/** `hasProofWords` and `has_proof_words` to `has proof words`. */
export const spacedName = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[_-]/g, ' ')
    .toLowerCase();

/** `93.4 MB`: decimal units, as download pages have them. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** step;
  return `${step === 0 ? value : value.toFixed(1)} ${units[step]}`;
}
