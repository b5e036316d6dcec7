import { FleetError } from '@qwenfleet/core/errors';
import type { ChatRequest } from '@qwenfleet/core/openai/request';
import { z } from 'zod';

/** OpenAI's rule for names of functions. */
const functionName = /^[\w.-]{1,64}$/;

export type OfferedFunction = {
  name: string;
  /** The JSON schema of its arguments, as it was sent; empty takes any object. */
  parameters: Readonly<Record<string, unknown>>;
  /** Arguments have to follow the schema. */
  strict: boolean;
};

/** The functions of a request, and how free the model is to call them. */
export type ToolOffer = {
  functions: readonly OfferedFunction[];
  /** `auto`: it may; `required`: it has to call one of them at least; a name: this one. */
  choice: 'auto' | 'required' | { name: string };
  /** Whether there may be several calls in one answer. */
  parallel: boolean;
};

const functionSchema = z.looseObject({
  name: z.string().regex(functionName, { error: 'a name has 1 to 64 letters, digits, dots, dashes or underscores' }),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});
const namedChoice = z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) });

/** What a request offers; undefined when it offers nothing, or forbids to call. Throws `invalid_request`. */
export function offerOf(
  request: Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'>,
): ToolOffer | undefined {
  const choice = request.tool_choice ?? 'auto';
  const tools = request.tools ?? [];
  if (choice === 'none') return undefined;
  if (tools.length === 0) {
    if (choice === 'auto') return undefined;
    throw refused('tool_choice', 'there are no tools to choose from; send tools, or leave it out');
  }
  const functions = tools.map((tool, index) => offered(tool, index));
  const names = new Set(functions.map(({ name }) => name));
  if (names.size < functions.length) throw refused('tools', 'two functions have the same name');
  return { functions, choice: choiceOf(choice, names), parallel: request.parallel_tool_calls !== false };
}

function offered(tool: Readonly<Record<string, unknown>>, index: number): OfferedFunction {
  const at = `tools[${index}]`;
  if (tool['type'] !== 'function') throw refused(`${at}.type`, 'this engine calls functions only; send "function"');
  const parsed = functionSchema.safeParse(tool['function']);
  if (parsed.success) {
    const { name, parameters, strict } = parsed.data;
    return { name, parameters: parameters ?? {}, strict: strict === true };
  }
  const [issue] = parsed.error.issues;
  throw refused([`${at}.function`, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'not a function');
}

function choiceOf(choice: unknown, names: ReadonlySet<string>): ToolOffer['choice'] {
  if (choice === 'auto' || choice === 'required') return choice;
  const named = namedChoice.safeParse(choice);
  if (!named.success) {
    const wanted = 'it is "auto", "none", "required" or {"type":"function","function":{"name":…}}';
    throw refused('tool_choice', wanted);
  }
  const { name } = named.data.function;
  if (!names.has(name)) throw refused('tool_choice', `no tool has the name "${name.slice(0, 64)}"`);
  return { name };
}

const refused = (param: string, why: string): FleetError =>
  new FleetError('invalid_request', `${param}: ${why}.`, { param });
