/** Kubernetes' MicroTime: RFC 3339 with six decimals, of which we know three. */
export const microTime = (epochMs: number): string => new Date(epochMs).toISOString().replace('Z', '000Z');

/** Kubernetes' Time, as conditions have it: RFC 3339 in whole seconds. */
export const secondTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
