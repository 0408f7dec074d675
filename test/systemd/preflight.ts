import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rootOf, SUITES } from './machine.js';

/** Debian's systemd, and what the documentation uses. */
const PACKAGES =
  'systemd,systemd-sysv,dbus,curl,jq,lsof,sudo,procps,iproute2,libstdc++6,libatomic1,python3-minimal,ca-certificates,less';

/** Makes the root folders that do not exist yet, once for all runs. Throws what these tests need and do not find. */
export default function prepare(): void {
  if (process.getuid?.() !== 0) throw new Error('the tests of systemd boot machines, so they must run as root');
  for (const [program, from] of [
    ['systemd-nspawn', 'systemd-container'],
    ['debootstrap', 'debootstrap'],
    ['nsenter', 'util-linux'],
  ] as const)
    if (!isInstalled(program)) throw new Error(`these tests need ${program}: apt-get install ${from}`);
  for (const suite of SUITES) {
    const root = rootOf(suite);
    if (existsSync(root)) continue;
    const options = ['--variant=minbase', `--include=${PACKAGES}`, suite, `${root}.unfinished`];
    execFileSync('debootstrap', options, { stdio: 'inherit' });
    execFileSync('mv', [`${root}.unfinished`, root]);
  }
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
