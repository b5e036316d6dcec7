import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const auditLine = z
  .object({
    verb: z.string(),
    requestURI: z.string(),
    user: z.object({ username: z.string() }),
    userAgent: z.string().optional(),
    objectRef: z
      .object({
        resource: z.string(),
        namespace: z.string().optional(),
        name: z.string().optional(),
        apiGroup: z.string().optional(),
        subresource: z.string().optional(),
      })
      .optional(),
    responseStatus: z.object({ code: z.int().optional() }).optional(),
    requestReceivedTimestamp: z.string(),
  })
  .transform((line) => ({
    user: line.user.username,
    userAgent: line.userAgent ?? '',
    verb: line.verb,
    uri: line.requestURI,
    objectRef: line.objectRef,
    code: line.responseStatus?.code ?? 0,
    at: line.requestReceivedTimestamp,
  }));

/** One write to the API server: who, what, to which object, and with what answer. */
export type AuditLine = z.infer<typeof auditLine>;

/** Every write since the cluster began. The server appends a line before it answers, so none is missing. */
export function readAudit(dataDir: string): AuditLine[] {
  const text = readFileSync(path.join(dataDir, 'audit.jsonl'), 'utf8');
  // The last line may be half written.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => auditLine.parse(JSON.parse(line)));
}
