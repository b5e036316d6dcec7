import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';

/** Honest files nest a dozen deep; what copies or prints a value goes as deep as it does. */
const depthMax = 64;
/** Objects and lists: the merges of the largest vocabularies are half a million pairs. */
const containersMax = 1_000_000;
const separatorsMax = 4_000_000;

const [quote, comma, openList, backslash, closeList, openObject, closeObject] = [34, 44, 91, 92, 93, 123, 125];

/**
 * What a model's file of JSON says. It is looked over before it is parsed: 64 MiB of brackets take V8 ten seconds and
 * 2.6 GiB (Node 24) before it finds that they are no JSON.
 * @param of whose file it is, as people are told to pull it again
 * Throws `invalid_model`, which names the file.
 */
export function parseBounded(text: string, file: string, of: 'model' | 'adapter' = 'model'): unknown {
  assertBounded(text, file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FleetError('invalid_model', `${file} is not valid JSON. Pull the ${of} again.`, { cause });
  }
}

/** The same of a file that has to hold an object. */
export function parseBoundedObject(
  text: string,
  file: string,
  of: 'model' | 'adapter' = 'model',
): Record<string, unknown> {
  const value = parseBounded(text, file, of);
  if (isObject(value)) return value;
  throw new FleetError('invalid_model', `${file} is not a JSON object. Pull the ${of} again.`);
}

function assertBounded(text: string, file: string): void {
  let depth = 0;
  let containers = 0;
  let separators = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === comma) separators += 1;
    else if (code === closeList || code === closeObject) depth -= 1;
    else if (code === openList || code === openObject) {
      depth += 1;
      containers += 1;
      if (depth > depthMax) refuse(file, `nests deeper than ${depthMax} levels`);
      if (containers > containersMax) refuse(file, `holds more than ${containersMax} objects and lists`);
    }
  }
  if (separators > separatorsMax) refuse(file, `holds more than ${separatorsMax} values`);
}

/** Where the string that begins at a quote ends; the end of the text when it does not. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

function refuse(file: string, what: string): never {
  throw new FleetError('invalid_model', `${file} ${what}: no model needs that. Use another checkpoint.`);
}
