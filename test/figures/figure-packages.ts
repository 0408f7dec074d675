import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['altair>=5,<7', 'matplotlib>=3.9,<4', 'pandas', 'pillow', 'seaborn', 'vl-convert-python'];

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/mxcp-figures', import.meta.url));

/** The Python that has the packages. */
export const FIGURES_PYTHON = join(FOLDER, 'bin', 'python3');

/** Installs the packages from PyPI, once: 400 MB, a minute. Needs `python3` with `venv`. */
export default function installPackages(): void {
  if (existsSync(join(FOLDER, 'complete'))) return;
  rmSync(FOLDER, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', FOLDER], { stdio: 'inherit' });
  execFileSync(FIGURES_PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES], {
    stdio: 'inherit',
  });
  writeFileSync(join(FOLDER, 'complete'), '');
}
