/** Classes that exist without anybody writing them; a HardwareClass of the same name takes their place. */
export const builtinClasses: readonly { name: string; spec: Record<string, unknown> }[] = [
  {
    name: 'cpu',
    spec: {
      description: 'No accelerator: the engine runs on the CPU.',
      // A laptop has few cores, and every place in a batch reserves memory for its context.
      maxConcurrency: 8,
      contextLength: 2048,
      resources: { cpu: '2', memory: '4Gi' },
    },
  },
];
