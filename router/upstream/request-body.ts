/** The members of a JSON object as they were written: name, and the text of its value. */
export type RawMembers = ReadonlyMap<string, string>;

const quote = 0x22;
const backslash = 0x5c;

/**
 * Reads the outermost members of a JSON object without touching their values. The text must be valid JSON. A name that
 * is given twice has its last value, as everywhere, and what is sent on has it once: no two servers can read it apart.
 */
export function rawMembers(json: string): RawMembers {
  const members = new Map<string, string>();
  let at = json.indexOf('{') + 1;
  for (;;) {
    const nameStart = json.indexOf('"', at);
    if (nameStart === -1) return members;
    const nameEnd = endOfString(json, nameStart);
    const valueStart = json.indexOf(':', nameEnd) + 1;
    const valueEnd = endOfValue(json, valueStart);
    const name: unknown = JSON.parse(json.slice(nameStart, nameEnd));
    members.set(String(name), json.slice(valueStart, valueEnd).trim());
    at = valueEnd + 1;
  }
}

/** The object again, with the model under another name. Every other value is what the client wrote, digit by digit. */
export function withModel(members: RawMembers, model: string): string {
  const parts: string[] = [];
  for (const [name, value] of members)
    parts.push(`${JSON.stringify(name)}:${name === 'model' ? JSON.stringify(model) : value}`);
  return `{${parts.join(',')}}`;
}

/** Index after the closing quote of the string that begins here. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
  return json.length;
}

/** Index of the comma or brace that ends the value which begins here. */
function endOfValue(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === quote) at = endOfString(json, at) - 1;
    else if (isOpening(code)) depth += 1;
    else if (isClosing(code)) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (code === comma && depth === 0) return at;
  }
  return json.length;
}

const comma = 0x2c;
const isOpening = (code: number): boolean => code === 0x7b || code === 0x5b;
const isClosing = (code: number): boolean => code === 0x7d || code === 0x5d;
