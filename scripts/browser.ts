// Installs Chromium for the browser test, where that takes no question: as root on Debian and its kin.
// Does nothing when it is there. Ends with 0 when a Chromium is on this machine.
import { existsSync } from 'node:fs';
import { canInstall, installPackages } from './apt.ts';

const browser = '/usr/bin/chromium';

if (existsSync(browser)) process.exit(0);
if (!canInstall()) {
  process.stderr.write(
    `There is no ${browser}, and only root on Debian can install it here: apt-get install chromium\n`,
  );
  process.exit(1);
}
process.stderr.write('Installing Chromium for the browser test ...\n');
const installed = await installPackages('chromium');
process.stderr.write(
  installed ? 'Installed Chromium.\n' : 'Chromium could not be installed; the browser test is skipped.\n',
);
process.exit(installed && existsSync(browser) ? 0 : 1);
