// Installs what a real Kubernetes node needs for the cluster tests, where that takes no question: as root on Debian.
// Does nothing when it is there. Ends with 0 when everything is on this machine.
import { existsSync } from 'node:fs';
import { canInstall, installPackages } from './apt.ts';

/** Debian packages and a file of each. */
const packages = {
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/ptp',
  iptables: '/usr/sbin/iptables',
  iproute2: '/usr/sbin/ip',
} as const;

const absent = (): string[] => Object.entries(packages).flatMap(([name, file]) => (existsSync(file) ? [] : [name]));

if (absent().length === 0) process.exit(0);
const names = absent().join(' ');
if (!canInstall()) {
  process.stderr.write(`A Kubernetes node needs ${names}, and only root on Debian can: apt-get install ${names}\n`);
  process.exit(1);
}
process.stderr.write(`Installing ${names} for the tests on a Kubernetes node ...\n`);
const installed = await installPackages(...absent());
process.stderr.write(
  installed ? `Installed ${names}.\n` : `${names} could not be installed; tests on a Kubernetes node are skipped.\n`,
);
process.exit(installed && absent().length === 0 ? 0 : 1);
