import { builtinClasses } from '@qwenfleet/crds/hardwareclass/builtin';

type Entry = { enabled: boolean; spec: Record<string, unknown> };

/** Nodes with GPUs mostly carry this taint, so that only pods that want one come. */
const gpuTaint = { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' };

type Gpu = {
  description: string;
  product: string;
  memory: string;
  price: string;
  resources: Record<string, string>;
  sharedMemory: string;
};

/** A class of one product of NVIDIA, found by the label that its GPU feature discovery writes. */
const gpu = ({ description, product, memory, price, resources, sharedMemory }: Gpu): Entry => ({
  enabled: true,
  spec: {
    description,
    accelerator: { resourceName: 'nvidia.com/gpu', memory, countMax: 8 },
    resources,
    sharedMemory,
    nodeSelector: { 'nvidia.com/gpu.product': product },
    tolerations: [gpuTaint],
    pricePerHour: price,
  },
});

/**
 * The classes that the chart brings. Prices are list prices of one cloud for a machine with that GPU, in dollars and
 * per GPU, late in 2025; they only say how much dearer one class is than another, until somebody writes their own.
 */
export const standardClasses: Readonly<Record<string, Entry>> = {
  'nvidia-l4': gpu({
    description: 'NVIDIA L4, 24 GB.',
    product: 'NVIDIA-L4',
    memory: '24Gi',
    price: '0.80',
    resources: { cpu: '3', memory: '12Gi' },
    sharedMemory: '2Gi',
  }),
  'nvidia-a10g': gpu({
    description: 'NVIDIA A10G, 24 GB.',
    product: 'NVIDIA-A10G',
    memory: '24Gi',
    price: '1.01',
    resources: { cpu: '3', memory: '12Gi' },
    sharedMemory: '2Gi',
  }),
  'nvidia-a100-80gb': gpu({
    description: 'NVIDIA A100, 80 GB.',
    product: 'NVIDIA-A100-SXM4-80GB',
    memory: '80Gi',
    price: '3.43',
    resources: { cpu: '10', memory: '120Gi' },
    sharedMemory: '16Gi',
  }),
  'nvidia-h100': gpu({
    description: 'NVIDIA H100, 80 GB.',
    product: 'NVIDIA-H100-80GB-HBM3',
    memory: '80Gi',
    price: '6.88',
    resources: { cpu: '16', memory: '160Gi' },
    sharedMemory: '16Gi',
  }),
  'nvidia-h100-1g-10gb': {
    enabled: false,
    spec: {
      description: 'A seventh of an NVIDIA H100: a MIG slice of 10 GB, where the nodes are cut that way.',
      accelerator: { resourceName: 'nvidia.com/mig-1g.10gb', memory: '10Gi', countMax: 7 },
      resources: { cpu: '2', memory: '12Gi' },
      tolerations: [gpuTaint],
      pricePerHour: '0.98',
    },
  },
  ...Object.fromEntries(builtinClasses.map(({ name, spec }): [string, Entry] => [name, { enabled: true, spec }])),
};
