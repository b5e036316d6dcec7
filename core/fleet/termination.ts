import { z } from 'zod';

/** What a process that cannot go on leaves for whoever started it; Kubernetes keeps it in the status of the pod. */
const terminationSchema = z.strictObject({ code: z.string().min(1), message: z.string() });
export type Termination = z.infer<typeof terminationSchema>;

/** A kubelet keeps 4096 bytes; a character of JSON may take six of them, and the code and the braces take some. */
const messageCharsMax = 640;

/** The text that is written at the end. */
export const terminationText = ({ code, message }: Termination): string =>
  JSON.stringify({ code, message: message.slice(0, messageCharsMax) } satisfies Termination);

/** Undefined for what another program has left there. A text that was cut off is read as far as it goes. */
export function parseTermination(text: string | undefined): Termination | undefined {
  if (text === undefined) return undefined;
  for (const candidate of [text, `${text}"}`]) {
    const parsed = terminationSchema.safeParse(jsonOf(candidate)).data;
    if (parsed) return parsed;
  }
  return undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
