import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../contract/docs/doc-blocks.js';
import { run, succeed } from './commands.js';

/** What the Dockerfile installs: with it in the base already, `apt-get install` finds nothing to fetch. */
const PACKAGES = ['ca-certificates', 'curl', 'libstdc++6', 'python3', 'python3-venv', 'tini'];

/** Neither lists nor sources of packages, so a build that needs the network fails at once; and what slim images leave out. */
const LEFT_OUT = [
  'var/cache/apt',
  'var/lib/apt/lists',
  'etc/apt/sources.list',
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/info',
  'var/cache/debconf',
  'var/log',
];

const NODE_BASE = `
FROM mxcp-containers/debian
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && mkdir -p /usr/local/etc \\
 && printf 'cache=/opt/npm-cache\\noffline=true\\nupdate-notifier=false\\n' > /usr/local/etc/npmrc
COPY npm-cache /opt/npm-cache
`;

/** User and groups as in the official image of curl. */
const CURL = `
FROM mxcp-containers/debian
RUN groupadd --gid 101 curl_group && useradd --uid 100 --gid 101 --no-create-home curl_user
USER curl_user
`;

/** The options of the official image, and the program that its health check needs. */
const PROMETHEUS = `
FROM mxcp-containers/debian
COPY root/usr/bin/prometheus /bin/prometheus
COPY root/usr/share/prometheus /usr/share/prometheus
RUN printf '#!/bin/sh\\nfor url; do :; done\\nexec curl -sf -o /dev/null "$url"\\n' > /usr/local/bin/wget \\
 && chmod 0755 /usr/local/bin/wget && install -d -o 65534 -g 65534 /prometheus
USER 65534
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
`;

const EXAMPLE = 'deploy/compose/compose.yaml';

/**
 * Images in the place of the official ones, which no test can download: Debian from its packages, with the Node.js that the
 * Dockerfile names and the packages of the lock file beside it. What takes long is done once and kept in the cache folder.
 */
export async function buildBaseImages(cache: string): Promise<void> {
  await buildDebian(cache);
  await buildNode(cache);
  await buildImage(cache, 'curlimages/curl', CURL);
  await succeed('docker', ['tag', 'curlimages/curl', imageOf(EXAMPLE, /image: (curlimages\/curl:.*)/)]);
  await buildPrometheus(cache);
  // Under the names that the Dockerfile has, so that it is built as it is. The daemon is private, so they deceive no other use.
  for (const name of ['node', 'debian'])
    await succeed('docker', ['tag', `mxcp-containers/${name}`, imageOf('Dockerfile', new RegExp(`=(.*/${name}:.*)`))]);
}

async function buildDebian(cache: string): Promise<void> {
  const root = join(cache, `debian-${hashOf(PACKAGES.join())}`);
  if (!existsSync(root)) {
    const unfinished = mkdtempSync(`${root}-`);
    await succeed('debootstrap', ['--variant=minbase', `--include=${PACKAGES.join()}`, 'bookworm', unfinished]);
    for (const path of LEFT_OUT) rmSync(join(unfinished, path), { recursive: true, force: true });
    renameSync(unfinished, root);
  }
  if (await hasImage('mxcp-containers/debian')) return;
  await succeed('sh', [
    '-c',
    `mkdir -p '${root}/var/log' && tar -C '${root}' --exclude=./dev -c . | docker import - mxcp-containers/debian`,
  ]);
}

async function buildNode(cache: string): Promise<void> {
  const version = imageOf('Dockerfile', /NODE_IMAGE=.*node:([\d.]+)-/);
  const lock = readFileSync(join(repository, 'package-lock.json'), 'utf8');
  const tag = `mxcp-containers/node:${hashOf(NODE_BASE + version + lock)}`;
  if (!(await hasImage(tag))) {
    await withContext(cache, NODE_BASE, async (context) => {
      await unpack(context, `node-linux-${process.arch}@${version}`, 'node-package');
      cpSync(join(context, 'node-package', 'bin', 'node'), join(context, 'node'));
      await unpack(context, 'npm@11', 'npm');
      await fillNpmCache(context);
      await succeed('docker', ['build', '--tag', tag, context]);
    });
  }
  await succeed('docker', ['tag', tag, 'mxcp-containers/node']);
}

/** Prometheus from Debian's package. */
async function buildPrometheus(cache: string): Promise<void> {
  const tag = imageOf(EXAMPLE, /image: (prom\/prometheus:.*)/);
  if (await hasImage(tag)) return;
  await withContext(cache, PROMETHEUS, async (context) => {
    await succeed('apt-get', ['download', '--quiet', 'prometheus'], { cwd: context });
    await succeed('sh', ['-c', 'dpkg -x prometheus_*.deb root'], { cwd: context });
    await succeed('docker', ['build', '--tag', tag, context]);
  });
}

async function unpack(context: string, name: string, folder: string): Promise<void> {
  const archive = await succeed('npm', ['pack', '--silent', name], { cwd: context });
  mkdirSync(join(context, folder));
  await succeed('tar', ['xzf', archive, '--strip-components=1', '-C', folder], { cwd: context });
}

/** Everything that `npm ci` asks the registry for. */
async function fillNpmCache(context: string): Promise<void> {
  const packages = join(context, 'packages');
  mkdirSync(packages);
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(repository, name), join(packages, name));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--cache', join(context, 'npm-cache')];
  await succeed('npm', ['ci', ...options], { cwd: packages });
}

async function buildImage(cache: string, tag: string, dockerfile: string): Promise<void> {
  await withContext(cache, dockerfile, (context) => succeed('docker', ['build', '--tag', tag, context]));
}

async function withContext(
  cache: string,
  dockerfile: string,
  work: (context: string) => Promise<unknown>,
): Promise<void> {
  const context = mkdtempSync(join(cache, 'context-'));
  try {
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    writeFileSync(join(context, '.dockerignore'), 'node-package\npackages\n*.tgz\n');
    await work(context);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

async function hasImage(tag: string): Promise<boolean> {
  return (await run('docker', ['image', 'inspect', tag])).exitCode === 0;
}

function imageOf(file: string, pattern: RegExp): string {
  const found = pattern.exec(readFileSync(join(repository, file), 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${file} has nothing like ${pattern.source}`);
  return found;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
