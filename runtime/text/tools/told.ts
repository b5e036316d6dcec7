import { messageText, type Message } from '@qwenfleet/core/openai/request';
import { hermes } from './hermes.ts';

/**
 * The messages for a model whose template has no place for functions: it is told of them in the system message, in Hermes'
 * form, and what was called before becomes text.
 */
export function toldOfTools(messages: readonly Message[], tools: readonly object[]): Message[] {
  const [first, ...rest] = messages;
  const leads = first?.role === 'system' || first?.role === 'developer';
  const system = [...(leads && first ? [messageText(first)] : []), ...(tools.length > 0 ? [instruction(tools)] : [])];
  const others = (leads ? rest : messages).map(asText);
  return system.length === 0 ? others : [{ role: 'system', content: system.join('\n\n') }, ...others];
}

const instruction = (tools: readonly object[]): string =>
  [
    'You can call functions. Their signatures:',
    ...tools.map((tool) => JSON.stringify(tool)),
    `To call one, answer with ${hermes.opening}{"name": <its name>, "arguments": <a JSON object>}${hermes.closing} and nothing else.`,
  ].join('\n');

function asText(message: Message): Message {
  if (message.role === 'tool' || message.role === 'function')
    return { role: 'user', content: `<tool_response>\n${messageText(message)}\n</tool_response>` };
  const { tool_calls: calls = [], ...plain } = message;
  if (calls.length === 0) return message;
  const written = calls.map(
    ({ function: { name, arguments: values } }) =>
      `${hermes.opening}\n{"name": ${JSON.stringify(name)}, "arguments": ${values}}\n${hermes.closing}`,
  );
  return { ...plain, content: [messageText(message), ...written].filter((text) => text !== '').join('\n') };
}
