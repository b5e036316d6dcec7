import { describe, expect, it } from 'vitest';
import { encodeS3, signedHeaders } from './signature.ts';

/** The examples of AWS' own description of signatures in headers: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
const signing = {
  credentials: {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    sessionToken: undefined,
  },
  region: 'us-east-1',
  epochMs: Date.UTC(2013, 4, 24),
};
const host = 'https://examplebucket.s3.amazonaws.com';

describe('a signature', () => {
  it.each([
    [
      'an object',
      '/test.txt',
      { range: 'bytes=0-9' },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    ['a setting of a bucket', '/?lifecycle', {}, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['a listing', '/?max-keys=2&prefix=J', {}, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('of a request for %s is the one that AWS makes', (_what, path, headers, wanted) => {
    const { authorization, 'x-amz-date': date } = signedHeaders(new URL(host + path), signing, headers);
    expect(date).toBe('20130524T000000Z');
    expect(authorization).toContain('Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request');
    expect(/Signature=(\w+)/.exec(authorization ?? '')?.[1]).toBe(wanted);
  });

  it('does not depend on the order of the query', () => {
    const of = (query: string) => signedHeaders(new URL(`${host}/?${query}`), signing)['authorization'];
    expect(of('prefix=J&max-keys=2')).toBe(of('max-keys=2&prefix=J'));
    expect(of('prefix=K&max-keys=2')).not.toBe(of('max-keys=2&prefix=J'));
  });

  it('of a session carries its token, and signs it', () => {
    const credentials = { ...signing.credentials, sessionToken: 'token' };
    const headers = signedHeaders(new URL(host), { ...signing, credentials });
    expect(headers['x-amz-security-token']).toBe('token');
    expect(headers['authorization']).toContain(
      'SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token',
    );
  });
});

it('a key is encoded as S3 wants it', () => {
  expect(encodeS3("a b(1)*'!/~")).toBe('a%20b%281%29%2A%27%21%2F~');
});
