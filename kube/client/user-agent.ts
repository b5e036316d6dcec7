/**
 * Who asks, in client-go's form, as audit logs show it: a program and its version.
 *
 *     userAgentOf('widgets', '1.2.0'); // 'widgets/1.2.0 (linux/x64) kubernetes'
 */
export const userAgentOf = (name: string, version: string): string =>
  `${name}/${version} (${process.platform}/${process.arch}) kubernetes`;
