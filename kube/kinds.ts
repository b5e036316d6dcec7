import type { KubeObject, ObjectMeta } from './object.ts';
import { resource } from './resource.ts';

/** Conditions as every kind of the API has them. */
export type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
};

type PodTemplate = { readonly metadata?: Omit<ObjectMeta, 'name'>; readonly spec?: Readonly<Record<string, unknown>> };
type ContainerState = {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: Terminated;
};
export type Terminated = {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly finishedAt?: string;
};

/** The fields of core kinds that controllers mostly read; the rest of each is there, and untyped. */
export type Pod = KubeObject & {
  readonly spec?: {
    readonly nodeName?: string;
    readonly terminationGracePeriodSeconds?: number;
    readonly containers?: readonly {
      readonly name: string;
      readonly image?: string;
      readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
    }[];
    readonly volumes?: readonly {
      readonly name: string;
      readonly persistentVolumeClaim?: { readonly claimName: string };
    }[];
  };
  readonly status?: {
    readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
    readonly reason?: string;
    readonly message?: string;
    readonly podIP?: string;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
};
export type ContainerStatus = {
  readonly name: string;
  readonly image?: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
};

export type Deployment = KubeObject & {
  readonly spec?: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly template: PodTemplate;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly unavailableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
};

export type Service = KubeObject & {
  readonly spec?: {
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: number | string;
    }[];
  };
};

export type EndpointSlice = KubeObject & {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
        readonly nodeName?: string;
        readonly zone?: string;
        readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
      }[]
    | null;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
};

export type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };
export type Secret = KubeObject & { readonly type?: string; readonly data?: Readonly<Record<string, string>> };
export type Namespace = KubeObject & { readonly status?: { readonly phase?: 'Active' | 'Terminating' } };
export type Node = KubeObject & {
  readonly status?: {
    readonly capacity?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
  };
};

export const pods = resource<Pod>({ apiVersion: 'v1', kind: 'Pod' });
export const services = resource<Service>({ apiVersion: 'v1', kind: 'Service' });
export const configMaps = resource<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap' });
export const secrets = resource<Secret>({ apiVersion: 'v1', kind: 'Secret' });
export const namespaces = resource<Namespace>({ apiVersion: 'v1', kind: 'Namespace', namespaced: false });
export const nodes = resource<Node>({ apiVersion: 'v1', kind: 'Node', namespaced: false });
export const deployments = resource<Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment' });
export const endpointSlices = resource<EndpointSlice>({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' });
