import type { ToolFormat } from './format.ts';
import { hermes } from './hermes.ts';
import { xml } from './xml.ts';

/** Most particular first: a template that speaks XML has `<tool_call>` in it, too. */
const formats: readonly ToolFormat[] = [xml, hermes];

/** How a model calls functions, from its chat template; undefined when the template has no place for functions. */
export const toolFormatOf = (template: string): ToolFormat | undefined =>
  formats.find(({ spokenBy }) => spokenBy(template));
