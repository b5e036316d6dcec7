import type { Secret } from './kinds.ts';

/** Every entry of a Secret as text; stringData wins over data, as in Kubernetes. */
export function secretEntries(secret: Secret): Map<string, string> {
  const decoded = Object.entries(secret.data ?? {}).map(([key, value]): [string, string] => [
    key,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
  return new Map([...decoded, ...Object.entries(secret.stringData ?? {})]);
}

/** One entry by reference, without the line end that editors add; undefined when there is none. */
export function secretValue(
  secrets: readonly Secret[],
  ref: { name: string; key?: string | undefined } | undefined,
  defaultKey: string,
): string | undefined {
  const secret = secrets.find(({ metadata }) => metadata.name === ref?.name);
  return (
    secret &&
    secretEntries(secret)
      .get(ref?.key ?? defaultKey)
      ?.trim()
  );
}
