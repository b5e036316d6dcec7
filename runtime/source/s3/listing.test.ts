import { FleetError } from '@qwenfleet/core/errors';
import { describe, expect, it } from 'vitest';
import { parseListing } from './listing.ts';

const page = (contents: string, rest = '<IsTruncated>false</IsTruncated>') =>
  `<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${rest}${contents}</ListBucketResult>`;
const object = (key: string) => `<Contents><Key>${key}</Key><ETag>&quot;e1&quot;</ETag><Size>7</Size></Contents>`;

describe('a listing of a bucket', () => {
  it('has every object with its size, and no folder', () => {
    expect(parseListing(page(object('a/config.json') + object('a/')))).toEqual({
      objects: [{ key: 'a/config.json', bytes: 7, etag: '"e1"' }],
      next: undefined,
    });
  });

  it('reads what XML writes in its own way', () => {
    expect(parseListing(page(object('a &amp; b/&#x4E2D;&#25991;&unknown;'))).objects[0]?.key).toBe(
      'a & b/中文&unknown;',
    );
  });

  it('says where the next page begins, when there is one', () => {
    const token = '<NextContinuationToken>abc==</NextContinuationToken>';
    expect(parseListing(page('', `<IsTruncated>true</IsTruncated>${token}`)).next).toBe('abc==');
    expect(parseListing(page('', `<IsTruncated>false</IsTruncated>${token}`)).next).toBeUndefined();
  });

  it('is refused when it is the page of some other server', () => {
    expect(() => parseListing('<html>welcome</html>')).toThrow(FleetError);
  });
});
