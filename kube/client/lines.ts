import { FleetError } from '@qwenfleet/core/errors';

/** etcd holds objects of at most 1.5 MB; managed fields and JSON make them a few times larger. */
export const lineBytesMax = 16 * 1024 * 1024;
const newline = 0x0a;

/** Bytes to lines, whatever pieces they come in. What is after the last newline is half a line, and is dropped. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, bytesMax = lineBytesMax): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = Buffer.concat([...held, chunk.subarray(start, end)]).toString('utf8');
      held = [];
      heldBytes = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start === chunk.length) continue;
    held.push(chunk.subarray(start));
    heldBytes += chunk.length - start;
    if (heldBytes > bytesMax)
      throw new FleetError('upstream_failed', `A line of the watch is larger than ${bytesMax} bytes.`);
  }
}
