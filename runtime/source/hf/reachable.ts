import type { SourceConfig } from '../source.ts';
import { send } from '../download.ts';

/** Does the hub answer within the time? Asks for the description of one small public model. */
export async function hubAnswers({ hub }: SourceConfig, waitMs: number): Promise<boolean> {
  try {
    const response = await send('GET', {
      url: `${hub.endpoint}/api/models/Qwen/Qwen3-0.6B`,
      signal: AbortSignal.timeout(waitMs),
    });
    await response.body.dump();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}
