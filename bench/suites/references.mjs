import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfigTemplate, resolveConfig } from '../../dist/config/index.js';
import { SecretStores } from '../../dist/secrets/index.js';
import { loadSettings } from '../../dist/settings/index.js';
import { BareVault } from '../measure/bare-vault.mjs';
import { interleave } from '../measure/interleave.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about =
  'resolving 200 references, as each reload does, compared with reading the same secrets with bare node:http';

const REFERENCES = 200;
/** A reload also reads and checks two files, and has time limits for slow servers. */
const AGAIN_AIM = 4;
const ROUNDS = 21;

export async function run({ quick }) {
  const vault = await BareVault.start();
  const folder = mkdtempSync(join(tmpdir(), 'mxcp-bench-'));
  const kept = new SecretStores();
  const paths = Array.from({ length: REFERENCES }, (_, at) => `app/${at}`);
  const resolves = projectsIn(folder, vault);
  const variants = {
    bare: () => timed(() => vault.readBare(paths)),
    again: () => timed(() => resolves.vault(kept)),
    first: () => timed(() => withFreshLogin(resolves.vault)),
    keys: () => timed(() => resolves.keys(kept)),
    files: () => timed(() => resolves.files(kept)),
    variables: () => timed(() => resolves.variables(kept)),
  };
  try {
    for (const variant of Object.values(variants)) await variant(); // warm-up
    return toFigures(await interleave(quick ? 1 : ROUNDS, variants));
  } finally {
    await kept.dispose();
    await vault.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** For each kind of reference, a function that resolves a project with 200 of them. */
function projectsIn(folder, vault) {
  writeFileSync(join(folder, 'mxcp-site.yml'), 'mxcp: 1\nproject: bench\nprofile: default\n');
  writeFileSync(join(folder, 'token'), 'value\n');
  const env = { HOME: folder, VAULT_TOKEN: 'token' };
  const referenceOf = {
    vault: (at) => `vault://kv/app/${at}#key1`,
    keys: (at) => `vault://kv/app/${at % 10}#key${Math.floor(at / 10)}`,
    files: (at) => `file://secret-${at}`,
    variables: (at) => `\${SECRET_${at}}`,
  };
  for (let at = 0; at < REFERENCES; at += 1) {
    writeFileSync(join(folder, `secret-${at}`), `value ${at}`);
    env[`SECRET_${at}`] = `value ${at}`;
  }
  return Object.fromEntries(
    Object.entries(referenceOf).map(([kind, reference]) => {
      const file = join(folder, `${kind}.yml`);
      writeFileSync(file, userConfig(vault, reference));
      return [kind, (stores) => resolveProject({ folder, env: { ...env, MXCP_CONFIG: file }, stores })];
    }),
  );
}

function userConfig(vault, reference) {
  const parameters = Array.from({ length: REFERENCES }, (_, at) => `              P${at}: ${reference(at)}`);
  return [
    'mxcp: 1',
    `vault: { enabled: true, address: "${vault.address}" }`,
    'projects:',
    '  bench:',
    '    profiles:',
    '      default:',
    '        secrets:',
    '          - name: all',
    '            type: custom',
    '            parameters:',
    ...parameters,
    '',
  ].join('\n');
}

async function resolveProject({ folder, env, stores }) {
  const settings = loadSettings({ flags: {}, env, cwd: folder });
  const config = await resolveConfig(await loadConfigTemplate(settings), { settings, env, stores });
  if (config.references.length !== REFERENCES) throw new Error('not every reference was resolved');
}

async function withFreshLogin(resolve) {
  const stores = new SecretStores();
  await resolve(stores);
  await stores.dispose();
}

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function toFigures({ bare, again, first, keys, files, variables }) {
  return [
    figure('200 secrets of Vault, bare node:http', 'ms', bare),
    figure('200 secrets of Vault, in a reload', 'ms', again),
    ratio('in a reload to bare', again, bare, { aim: AGAIN_AIM }),
    figure('200 secrets of Vault, at a start', 'ms', first),
    figure('200 keys at 10 paths of Vault', 'ms', keys),
    figure('200 files', 'ms', files),
    figure('200 variables', 'ms', variables),
  ];
}
