/** Where pulled weights, graphs and compiled kernels go: the one folder that outlives a restart of the container. */
export const cacheDir = '/var/cache/qwenfleet';
/** The folder that Hugging Face's own tools share; their `HF_HOME`. */
export const hubDir = `${cacheDir}/huggingface`;
/** Weights that are mounted and not pulled. */
export const modelDir = '/mnt/model';
