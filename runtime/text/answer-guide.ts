import { FleetError } from '@qwenfleet/core/errors';
import {
  choice,
  nothing,
  optional,
  repeat,
  sequence,
  text,
  until,
  without,
  type Expression,
} from './grammar/expression.ts';
import type { Guide } from './grammar/guide.ts';
import type { ToolFormat } from './tools/format.ts';
import type { OfferedFunction, ToolOffer } from './tools/offer.ts';

/** Calls in one answer that has to call: a small model would go on for ever. */
const callsMax = 8;
/** Line ends between thoughts and answer. */
const lineEndsMax = 4;

export type Thinking = {
  /** The prompt has opened the thinking already. */
  begun: boolean;
  /** The model may think before it answers. */
  possible: boolean;
};

/**
 * The guide of an answer that may or must call functions; undefined when it leaves the model free.
 * @param asked what the answer has to be where it does not call.
 */
export function callGuide(
  { functions, choice: chosen, parallel }: ToolOffer,
  format: ToolFormat,
  asked: Guide | undefined,
): Guide | undefined {
  const strict = functions.some((each) => each.strict);
  const free = chosen === 'auto';
  if (free && !strict && !asked) return undefined;
  const named = typeof chosen === 'object' ? functions.filter(({ name }) => name === chosen.name) : functions;
  const several = parallel && typeof chosen === 'string';
  const one = (): Expression =>
    sequence(text(format.opening), choice(...named.map((each) => calling(each, format))), text(format.closing));
  const calls = (): Expression => sequence(one(), repeat(sequence(text('\n'), one()), 0, several ? callsMax - 1 : 0));
  const key = JSON.stringify([format.name, several, free, named, free ? asked?.key : '']);
  if (!free) return { param: 'tool_choice', key, expression: calls };
  if (asked) return { param: asked.param, key, expression: () => choice(calls(), asked.expression()) };
  return { param: 'tools', key, expression: () => freely(one(), format) };
}

/** Any text, in which what begins as a call is one. */
function freely(one: Expression, format: ToolFormat): Expression {
  const rest = one.kind === 'sequence' ? sequence(...one.parts.slice(1)) : one;
  return sequence(repeat(sequence(until(format.opening), rest), 0), without(format.opening));
}

function calling(offered: OfferedFunction, format: ToolFormat): Expression {
  try {
    return format.expression(offered);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const param = 'tools';
    throw new FleetError('invalid_request', `tools: of "${offered.name}", ${error.message}.`, { param, cause: error });
  }
}

/** The guide begins behind the thoughts, which are free. */
export function afterThinking(guide: Guide, { begun, possible }: Thinking): Guide {
  if (!begun && !possible) return guide;
  const thoughts = sequence(begun ? nothing : text('<think>'), until('</think>'), repeat(text('\n'), 0, lineEndsMax));
  return {
    ...guide,
    key: `${begun ? 'thinking' : 'may think'} ${guide.key}`,
    expression: () => sequence(begun ? thoughts : optional(thoughts), guide.expression()),
  };
}
