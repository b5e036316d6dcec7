import { systemClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { fetchFrom } from '../download.ts';
import type { S3Config } from '../source.ts';
import { parseListing, type S3Object } from './listing.ts';
import { encodeS3, signedHeaders } from './signature.ts';

/** More than any model has; a bucket without a prefix may have millions. */
export const objectsMax = 2_000;
const pagesMax = 20;

/** One bucket: what is in it, and how to ask for it. */
export class Bucket {
  readonly #config: S3Config;
  readonly #name: string;

  constructor(name: string, config: S3Config) {
    this.#name = name;
    this.#config = config;
  }

  /** Everything below a prefix. Throws `source_*`, and `invalid_config` for more than a model can have. */
  async list(prefix: string, signal: AbortSignal | undefined): Promise<S3Object[]> {
    const objects: S3Object[] = [];
    let next: string | undefined;
    for (let page = 0; page < pagesMax; page += 1) {
      const url = this.#url('');
      url.searchParams.set('list-type', '2');
      url.searchParams.set('prefix', prefix);
      if (next !== undefined) url.searchParams.set('continuation-token', next);
      const { body } = await fetchFrom('GET', { url: url.href, headers: this.#headers(url), signal });
      const listing = parseListing(await body.text());
      objects.push(...listing.objects);
      ({ next } = listing);
      if (next === undefined) return objects;
      if (objects.length > objectsMax) break;
    }
    const message = `model.uri: s3://${this.#name}/${prefix} has more than ${objectsMax} objects. Name the folder of one model.`;
    throw new FleetError('invalid_config', message, { param: 'model.uri' });
  }

  /** Address and headers of one object; the headers are made anew for each attempt, because signatures grow old. */
  request(key: string): { url: string; headers: () => Record<string, string> } {
    const url = this.#url(key);
    return { url: url.href, headers: () => this.#headers(url) };
  }

  #url(key: string): URL {
    const path = key.split('/').map(encodeS3).join('/');
    const { endpoint, region } = this.#config;
    // Servers other than AWS know buckets by path; AWS is leaving that.
    if (endpoint !== undefined) return new URL(`${endpoint}/${encodeS3(this.#name)}/${path}`);
    return new URL(`https://${this.#name}.s3.${region}.amazonaws.com/${path}`);
  }

  #headers(url: URL): Record<string, string> {
    const { credentials, region } = this.#config;
    return credentials ? signedHeaders(url, { credentials, region, epochMs: systemClock.epochMs() }) : {};
  }
}
