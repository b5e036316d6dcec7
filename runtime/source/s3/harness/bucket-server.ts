import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signedHeaders } from '../signature.ts';

export const credentials = { accessKeyId: 'KEY', secretAccessKey: 'secret', sessionToken: undefined };

export type BucketServer = {
  url: string;
  /** Requests in order: `list PREFIX`, `get KEY RANGE`. */
  seen: string[];
  put: (key: string, content: string) => void;
  /** The next download of this object breaks off after so many bytes. */
  cut: (key: string, afterBytes: number) => void;
  close: () => Promise<void>;
};

/** Objects of a page: few, so that every listing of the tests has several. */
const pageObjects = 2;

/** A server that speaks as much of S3 as a download needs: signatures, pages of listings, ranges. */
export async function serveBucket(bucket: string, content: Record<string, string>): Promise<BucketServer> {
  const objects = new Map(Object.entries(content));
  const cuts = new Map<string, number>();
  const seen: string[] = [];

  const list = (url: URL, response: ServerResponse): void => {
    const prefix = url.searchParams.get('prefix') ?? '';
    seen.push(`list ${prefix}`);
    const from = Number(url.searchParams.get('continuation-token') ?? 0);
    const all = [...objects].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const next = from + pageObjects;
    response.end(listingOf(all.slice(from, next), next < all.length ? String(next) : undefined));
  };

  const get = (key: string, { headers: { range = '' } }: IncomingMessage, response: ServerResponse): void => {
    seen.push(`get ${key} ${range}`.trim());
    const bytes = Buffer.from(objects.get(key) ?? '');
    if (!objects.has(key)) return void response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0);
    if (start > 0 && start >= bytes.length) return void response.writeHead(416).end();
    const part = bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': part.length });
    const cutAt = cuts.get(key);
    cuts.delete(key);
    if (cutAt === undefined) response.end(part);
    // What was sent must have time to arrive, or there is nothing to go on from.
    else response.write(part.subarray(0, cutAt), () => setTimeout(() => response.destroy(), 300));
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    const [, name, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    if (!isSigned(request, url)) response.writeHead(403).end();
    else if (name !== bucket) response.writeHead(404).end();
    else if (url.searchParams.has('list-type')) list(url, response);
    else get(rest.join('/'), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    put: (key, text) => void objects.set(key, text),
    cut: (key, afterBytes) => void cuts.set(key, afterBytes),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function isSigned({ headers }: IncomingMessage, url: URL): boolean {
  const date = String(headers['x-amz-date']).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const epochMs = Date.parse(date);
  if (Number.isNaN(epochMs)) return false;
  return signedHeaders(url, { credentials, region: 'eu-west-1', epochMs })['authorization'] === headers.authorization;
}

function listingOf(objects: readonly [string, string][], next: string | undefined): string {
  const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const contents = objects.map(([key, content]) => {
    const etag = createHash('md5').update(content).digest('hex');
    return `<Contents><Key>${escaped(key)}</Key><ETag>"${etag}"</ETag><Size>${Buffer.byteLength(content)}</Size></Contents>`;
  });
  const more = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${more}${contents.join('')}</ListBucketResult>`;
}
