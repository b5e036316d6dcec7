import { FleetError } from '@qwenfleet/core/errors';

export type S3Object = { key: string; bytes: number; etag: string };
export type ListingPage = { objects: S3Object[]; next: string | undefined };

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** One page of `ListObjectsV2`. Folders, which are objects without content and with a slash at their end, are left out. */
export function parseListing(xml: string): ListingPage {
  if (!/<ListBucketResult[\s>]/.test(xml)) {
    throw new FleetError('source_unavailable', 'What answers is no S3: it sent no listing. Check AWS_ENDPOINT_URL.');
  }
  const objects = [...xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)].map(([, content = '']) => ({
    key: fieldOf(content, 'Key') ?? '',
    bytes: Number(fieldOf(content, 'Size') ?? 0),
    etag: fieldOf(content, 'ETag') ?? '',
  }));
  const isCut = fieldOf(xml, 'IsTruncated') === 'true';
  return {
    objects: objects.filter(({ key }) => key !== '' && !key.endsWith('/')),
    next: isCut ? fieldOf(xml, 'NextContinuationToken') : undefined,
  };
}

function fieldOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(
    /&(#x?[0-9a-f]+|[a-z]+);/gi,
    (whole, code: string) => entities[code] ?? characterOf(code, whole),
  );
}

function characterOf(code: string, whole: string): string {
  if (!code.startsWith('#')) return whole;
  const point = /^#x/i.test(code) ? Number.parseInt(code.slice(2), 16) : Number(code.slice(1));
  return point > 0 && point <= 0x10_ffff ? String.fromCodePoint(point) : whole;
}
