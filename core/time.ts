/** RFC 3339, as Kubernetes writes times, to milliseconds since 1970. NaN for anything else. */
export const epochMsOf = (time: string | undefined): number => Date.parse(time ?? '');
