import { httpSecret, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { CANARY_PROJECT, canaryConfig, envFile } from './canaries.js';

/** Ways to break the project, each with values that nothing has seen before. */
export const BROKEN: Readonly<Record<string, (project: TemporaryProject) => void>> = {
  'a value that is missing': (project) => project.write('service.env', envFile({ OTHER: 'canary-other-1' })),
  'a file that is missing': (project) => project.remove('secrets/token'),
  'a refused secret whose name came from a reference': (project) => {
    project.write('service.env', envFile({ ENV_FILE: 'canary-rotated-1', NAMED: 'canary-named-1' }));
    project.write(
      'config.yml',
      canaryConfig(['name: "${NAMED}"', 'type: http', 'parameters:', '  NOT_A_PARAMETER: "${ENV_FILE}"']),
    );
  },
  'a refused value of a secret': (project) =>
    project.write('config.yml', canaryConfig([...httpSecret('refused', 'none'), '  VERIFY_SSL: canary-no-boolean-1'])),
  'a file that is not YAML': (project) =>
    project.write('config.yml', [...canaryConfig(), 'models: "canary-open-quote']),
  'a key that is unknown': (project) => project.write('config.yml', [...canaryConfig(), 'vaults: canary-vaults-1']),
  'a value of the wrong kind': (project) =>
    project.write('config.yml', [...canaryConfig(), 'vault: canary-vault-1', 'logging: { level: canary-level-1 }']),
  'a reference that is malformed': (project) =>
    project.write('config.yml', canaryConfig(httpSecret('odd', '"canary-odd-1 ${OPEN"'))),
};

/** Undoes every one of them. */
export function restore(project: TemporaryProject): void {
  for (const name of ['service.env', 'config.yml', 'secrets/token']) project.write(name, CANARY_PROJECT[name] ?? '');
}
