import { asFleetError, errorHeaders, toOpenAiError, type ErrorCode } from '@qwenfleet/core/errors';
import { parseRequest } from '@qwenfleet/core/openai/request';
import type { Context } from 'hono';
import { z } from 'zod';
import { assertMayAsk } from './admin.ts';
import type { App } from './app.ts';
import type { RuntimeService } from './service.ts';

/** vLLM's body, and what our sources know besides. */
const loadSchema = z.strictObject({
  lora_name: z.string().min(1).max(256),
  /** An address as `model.uri`, or the path of a folder on this machine. */
  lora_path: z.string().min(1),
  revision: z.string().optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
/** vLLM's clients may send a number besides; it means nothing here. */
const unloadSchema = z.object({ lora_name: z.string().min(1) });

/** What else ends a load is the caller's to mend here: the server goes on as before. */
const callersFaults: ReadonlySet<ErrorCode> = new Set([
  'invalid_config',
  'invalid_model',
  'unsupported_model',
  'digest_mismatch',
  'source_not_found',
  'source_forbidden',
]);

/** Adapters by name, as vLLM has it, for whoever may administer. */
export function addAdapterRoutes(app: App, service: RuntimeService): void {
  const route = (path: string, act: (body: string) => Promise<string>): void => {
    app.post(path, async (c) => {
      assertMayAsk(c, service.adminTokenSha256);
      return answered(c, act);
    });
  };
  route('/v1/load_lora_adapter', async (body) => {
    const { lora_name: name, lora_path: path, ...rest } = parseRequest(loadSchema, body);
    await service.loadAdapter({ name, uri: path.startsWith('/') ? `file://${encodeURI(path)}` : path, ...rest });
    return `Success: LoRA adapter '${name}' added successfully.`;
  });
  route('/v1/unload_lora_adapter', async (body) => {
    const { lora_name: name } = parseRequest(unloadSchema, body);
    service.unloadAdapter(name);
    return `Success: LoRA adapter '${name}' removed successfully.`;
  });
}

async function answered(c: Context, act: (body: string) => Promise<string>): Promise<Response> {
  try {
    return c.text(await act(await c.req.text()));
  } catch (thrown) {
    const error = asFleetError(thrown);
    if (!callersFaults.has(error.code)) throw thrown;
    return Response.json(toOpenAiError(error), { status: 400, headers: errorHeaders(error) });
  }
}
