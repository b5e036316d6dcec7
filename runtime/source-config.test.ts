import { describe, expect, it } from 'vitest';
import { readSourceConfig } from './config.ts';

const read = (environment: Record<string, string>) => readSourceConfig('/cache', environment, '/home/me');
const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

describe('the environment of a runtime that pulls', () => {
  it('may be empty: the public hub, and AWS as anybody', () => {
    expect(read({})).toEqual({
      cacheDir: '/cache',
      hub: { endpoint: 'https://huggingface.co', token: undefined, cacheDir: '/home/me/.cache/huggingface/hub' },
      s3: { endpoint: undefined, region: 'us-east-1', credentials: undefined },
    });
  });

  it('names the hub and its folder as the hub’s own tools do', () => {
    const { hub } = read({ HF_ENDPOINT: 'http://mirror:8080/', HF_TOKEN: ' token ', HF_HOME: '/hf' });
    expect(hub).toEqual({ endpoint: 'http://mirror:8080', token: 'token', cacheDir: '/hf/hub' });
  });

  it('names a server and keys as AWS’ own tools do', () => {
    const { s3 } = read({ ...keys, AWS_ENDPOINT_URL: 'http://minio:9000/', AWS_DEFAULT_REGION: 'eu-west-1' });
    expect(s3).toEqual({
      endpoint: 'http://minio:9000',
      region: 'eu-west-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined },
    });
    expect(read({ AWS_ACCESS_KEY_ID: 'id' }).s3?.credentials).toBeUndefined();
    expect(read({ ...keys, AWS_REGION: 'a', AWS_DEFAULT_REGION: 'b' }).s3?.region).toBe('a');
  });

  it.each(['HF_ENDPOINT', 'AWS_ENDPOINT_URL'])('is refused when %s is no address', (name) => {
    expect(() => read({ [name]: 'not an address' })).toThrow(name);
  });
});
