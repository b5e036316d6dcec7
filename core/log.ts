import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Fields that may hold a secret wherever they turn up; pino replaces them before a line is written. */
const secretPaths = ['authorization', '*.authorization', 'apiKey', '*.apiKey', 'token', '*.token', 'headers.cookie'];

/** JSON lines on standard error, so that standard output stays data. */
export function createLogger(name: string, level: string = 'info'): Logger {
  return pino(
    { name, level, redact: { paths: secretPaths, censor: '[redacted]' }, base: { name, pid: process.pid } },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** For tests and library use: says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
