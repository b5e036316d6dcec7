import { isObject } from '@qwenfleet/core/json';
import { sequence, text as exactly } from '../grammar/expression.ts';
import { argumentsOf } from './arguments.ts';
import type { ToolFormat } from './format.ts';

/** `<tool_call>{"name": "f", "arguments": {…}}</tool_call>`: Hermes' form, of Qwen2.5 and Qwen3. */
export const hermes: ToolFormat = {
  name: 'hermes',
  opening: '<tool_call>',
  closing: '</tool_call>',
  spokenBy: (template) => template.includes('<tool_call>'),
  parse(text, offered) {
    const call = objectOf(text);
    const name = call?.['name'];
    // Some models write the arguments as a text of JSON, as OpenAI's clients see them.
    const given = call?.['arguments'] ?? {};
    const values = typeof given === 'string' ? objectOf(given) : given;
    if (!isObject(values)) return undefined;
    const known = offered.find((each) => each.name === name);
    return known && { name: known.name, arguments: JSON.stringify(values) };
  },
  expression: (offered) =>
    sequence(exactly(`\n{"name": "${offered.name}", "arguments": `), argumentsOf(offered), exactly('}\n')),
};

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
