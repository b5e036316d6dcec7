/** Names of files come from whoever answers; one that would leave the folder is not a file of a model. */
export const isInside = (relative: string): boolean =>
  relative.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\0\\]/.test(part));
