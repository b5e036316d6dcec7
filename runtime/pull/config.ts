/** Where the last words of this process go; undefined where nobody reads them. */
export const terminationLog = (environment: NodeJS.ProcessEnv = process.env): string | undefined =>
  environment['QWENFLEET_TERMINATION_LOG']?.trim() || undefined;
