import { createHash, createHmac } from 'node:crypto';

export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined };

export type Signing = { credentials: Credentials; region: string; epochMs: number };

/** Of a request without a body, which every request here is. */
const emptyHash = createHash('sha256').update('').digest('hex');
const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Headers that sign a GET for S3, after AWS' description of Signature Version 4. A signature holds for fifteen minutes,
 * so every attempt needs a new one.
 *
 * @param headers others that are signed too, with lower-case names; `host` is among them by itself.
 */
export function signedHeaders(
  url: URL,
  signing: Signing,
  headers: Record<string, string> = {},
): Record<string, string> {
  const { credentials, region, epochMs } = signing;
  const time = new Date(epochMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const own = {
    'x-amz-content-sha256': emptyHash,
    'x-amz-date': time,
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
  };
  const signed = Object.entries({ ...headers, ...own, host: url.host }).toSorted(byName);
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    'GET',
    canonicalPath(url),
    canonicalQuery(url),
    ...signed.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    names,
    emptyHash,
  ].join('\n');
  const text = [algorithm, time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n');
  const key = [time.slice(0, 8), region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const authorization = `${algorithm} Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${names},Signature=${signature}`;
  return { ...headers, ...own, authorization };
}

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1);

/** What S3 calls URI encoding: stricter than JavaScript's, and slashes of a path stay. */
export const encodeS3 = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

const canonicalPath = (url: URL): string =>
  url.pathname
    .split('/')
    .map((part) => encodeS3(decodeURIComponent(part)))
    .join('/');

const canonicalQuery = (url: URL): string =>
  [...url.searchParams]
    .map(([name, value]): [string, string] => [encodeS3(name), encodeS3(value)])
    .toSorted(([a, b], [c, d]) => (a === c ? (b < d ? -1 : 1) : a < c ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
