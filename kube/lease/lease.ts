import type { KubeClient } from '../client/client.ts';
import type { KubeObject, ObjectReference } from '../object.ts';
import { resource } from '../resource.ts';

export type LeaseSpec = {
  readonly holderIdentity?: string | undefined;
  readonly leaseDurationSeconds?: number | undefined;
  readonly acquireTime?: string | undefined;
  readonly renewTime?: string | undefined;
  readonly leaseTransitions?: number | undefined;
};
export type Lease = KubeObject & { readonly spec?: LeaseSpec };

export const leases = resource<Lease>({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' });

/** The one lease of an election. */
export interface LeaseApi {
  get(signal: AbortSignal): Promise<Lease>;
  create(spec: LeaseSpec, signal: AbortSignal): Promise<Lease>;
  /** Fails with a conflict when the lease changed since `seen`. */
  update(seen: Lease, spec: LeaseSpec, signal: AbortSignal): Promise<Lease>;
}

export const leaseApi = (client: KubeClient, at: ObjectReference): LeaseApi => ({
  get: (signal) => client.get(leases, at, { signal }),
  create: (spec, signal) => {
    const { apiVersion, kind } = leases;
    return client.create(leases, { apiVersion, kind, metadata: at, spec }, { signal });
  },
  update: (seen, spec, signal) => client.update(leases, { ...seen, spec }, { signal }),
});
