/**
 * GPT-2's reversible map from bytes to printable characters (`bytes_to_unicode` of openai/gpt-2): printable Latin-1
 * stands for itself, the other 68 bytes for U+0100 onwards.
 */
function byteCharacters(): string[] {
  let next = 0x100;
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/** The character of each byte, in the order of the bytes. */
export const characterOfByte: readonly string[] = byteCharacters();
const byteOfCharacter = new Map(characterOfByte.map((character, byte) => [character, byte]));

/** The bytes that a token of a byte-level vocabulary stands for; undefined when it is not written that way. */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
