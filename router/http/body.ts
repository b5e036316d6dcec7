import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { FleetError } from '@qwenfleet/core/errors';

type Unpacker = (packed: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** "deflate" is zlib's format by RFC 9110, and bare deflate by what some clients send. */
const inflateEither: Unpacker = (packed, options) =>
  promisify(hasZlibHeader(packed) ? inflate : inflateRaw)(packed, options);
const hasZlibHeader = (packed: Buffer): boolean =>
  packed.length >= 2 && ((packed[0] ?? 0) & 0x0f) === 8 && packed.readUInt16BE(0) % 31 === 0;

/** How a body may be packed, and what unpacks it. Each takes the largest size that it may become. */
const unpackers: ReadonlyMap<string, Unpacker> = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', inflateEither],
  ['br', promisify(brotliDecompress)],
]);

/**
 * Reads the body of a request as text. What is counted are bytes that came, whatever the headers promise, and bytes
 * after unpacking.
 * Throws `body_too_large`, `unsupported_media_type`, `invalid_json` when it is not UTF-8, `cancelled` when the client
 * leaves in the middle of it.
 */
export async function readBody(incoming: IncomingMessage, bytesMax: number): Promise<string> {
  const encoding = incoming.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const unpack = unpackers.get(encoding);
  if (!unpack && encoding !== 'identity' && encoding !== '')
    throw new FleetError(
      'unsupported_media_type',
      `content-encoding: "${encoding.slice(0, 40)}" is not understood here. Send the body as it is, or packed with ${[...unpackers.keys()].join(', ')}.`,
    );
  const sent = await receive(incoming, bytesMax);
  return decode(unpack ? await unpacked(() => unpack(sent, { maxOutputLength: bytesMax }), bytesMax) : sent);
}

async function receive(incoming: IncomingMessage, bytesMax: number): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const parts: Buffer[] = [];
  let bytes = 0;
  // A listener and not an iterator: leaving an iterator early would destroy the socket before the answer is written.
  await new Promise<void>((resolve, reject) => {
    incoming.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > bytesMax) {
        incoming.pause();
        reject(tooLarge(bytesMax));
      } else parts.push(part);
    });
    incoming.once('end', resolve);
    const onLeave = (): void => reject(new FleetError('cancelled', 'The client left before its request was read.'));
    incoming.once('error', onLeave);
    incoming.once('close', onLeave);
  }).finally(() => incoming.removeAllListeners('data'));
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

async function unpacked(unpack: () => Promise<Buffer>, bytesMax: number): Promise<Buffer> {
  try {
    return await unpack();
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax);
    throw new FleetError('invalid_request', 'content-encoding: the body is not packed in the way that it says.', {
      cause,
    });
  }
}

/** Bytes that are not UTF-8 are refused, not replaced: an answer to other text than the client's helps nobody. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FleetError('invalid_json', 'The request body is not UTF-8. Send one JSON object in UTF-8.', { cause });
  }
}

const tooLarge = (bytesMax: number): FleetError =>
  new FleetError('body_too_large', `The request body is larger than ${bytesMax} bytes. Send less.`);
