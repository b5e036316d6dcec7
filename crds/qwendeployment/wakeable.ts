/** The fields of a spec that decide it; routers read no more of one than they need. */
type Fields = {
  suspend: boolean;
  paused: boolean;
  scaling?:
    | {
        owner: string;
        mode: string;
        minReplicas: number;
        schedules?: readonly { minReplicas?: number | undefined }[] | undefined;
      }
    | undefined;
};

/** May a request bring the first replica of a pool up? Only where the operator's own scaler may keep it at zero. */
export function isWakeable({ suspend, paused, scaling }: Fields): boolean {
  if (suspend || paused || scaling?.owner !== 'Internal' || scaling.mode !== 'Enforce') return false;
  return scaling.minReplicas === 0 || (scaling.schedules ?? []).some(({ minReplicas }) => minReplicas === 0);
}
