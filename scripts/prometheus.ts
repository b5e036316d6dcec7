// Installs Prometheus, and promtool with it, for the tests of rules and dashboards, where that takes no question: as
// root on Debian and its kin. Does nothing when it is there. Ends with 0 when it is on this machine.
import { existsSync } from 'node:fs';
import { canInstall, installPackages } from './apt.ts';

const programs = ['/usr/bin/prometheus', '/usr/bin/promtool'];
const isThere = (): boolean => programs.every((program) => existsSync(program));

if (isThere()) process.exit(0);
if (!canInstall()) {
  process.stderr.write(
    'There is no Prometheus, and only root on Debian can install it here: apt-get install prometheus\n',
  );
  process.exit(1);
}
process.stderr.write('Installing Prometheus for the tests of rules and dashboards ...\n');
const installed = await installPackages('prometheus');
process.stderr.write(
  installed ? 'Installed Prometheus.\n' : 'Prometheus could not be installed; tests that run it are skipped.\n',
);
process.exit(installed && isThere() ? 0 : 1);
