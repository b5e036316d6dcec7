import { parseConfig } from '@qwenfleet/core/config';
import { FleetError } from '@qwenfleet/core/errors';
import { toChildSchema, type FromChild, type ToChild } from '@qwenfleet/core/fleet/channel';
import type { Discovery, Heard } from '../discovery.ts';

/** The end of an IPC channel that a child process has. */
export type ParentChannel = Pick<NodeJS.Process, 'on' | 'off' | 'connected' | 'send'>;

/** Hears from the process that started this one, and ends with it. Throws `invalid_config` when there is no such one. */
export function localDiscovery(parent: ParentChannel): Discovery {
  if (parent.send === undefined)
    throw new FleetError('invalid_config', 'The router is started by "qwenfleet up", or with --config FILE.');
  const tell = (message: FromChild): Promise<void> =>
    new Promise((resolve) => {
      if (parent.connected) parent.send?.(message, () => resolve());
      else resolve();
    });
  let stopHearing: () => void = () => undefined;
  return {
    name: 'local',
    foreground: false,
    start: (heard) => {
      const onMessage = (message: unknown): void => hear(message, heard);
      const onDisconnect = (): void => heard.stop('now');
      parent.on('message', onMessage);
      parent.on('disconnect', onDisconnect);
      stopHearing = () => {
        parent.off('message', onMessage);
        parent.off('disconnect', onDisconnect);
      };
    },
    listening: (url) => {
      void tell({ type: 'listening', url });
      void tell({ type: 'ready' });
    },
    failed: ({ code, message }) => tell({ type: 'failed', code, message }),
    load: (pools) => void tell({ type: 'load', pools }),
    wake: (pool) => void tell({ type: 'wake', pool }),
    close: () => stopHearing(),
  };
}

function hear(message: unknown, heard: Heard): void {
  let said: ToChild;
  try {
    said = parseConfig(toChildSchema, message, 'the message of the parent process');
  } catch (error) {
    // Only a configuration can be wrong by somebody's fault; anything else is of another version, and not for us.
    if (error instanceof FleetError && isConfig(message)) heard.refused(error);
    return;
  }
  if (said.type === 'drain') heard.stop('drain');
  else if (said.type === 'config') heard.config(said.config);
  else heard.endpoints(said.snapshot);
}

const isConfig = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'config';
