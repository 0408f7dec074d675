import { createProject, type ProjectFiles, sqlTool, type TemporaryProject } from './temporary-project.js';

/** Tools that show their caller, one of them only for a scope. */
const TOOLS: ProjectFiles = {
  'tools/whoami.yml': sqlTool(
    'whoami',
    'SELECT get_username() AS username, get_user_email() AS email, get_user_provider() AS provider, get_user_external_token() AS token',
  ),
  'tools/headers.yml': sqlTool('headers', 'SELECT get_request_headers_json() AS headers'),
  'tools/secrets.yml': [
    'mxcp: 1',
    'tool:',
    '  name: secrets',
    '  scopes: [vault:read, vault:list]',
    '  source: { code: SELECT 42 AS n }',
  ],
};

/** A project whose profile has this `auth` section. */
export function protectedProject(auth: object, files: ProjectFiles = {}): TemporaryProject {
  return createProject({ ...TOOLS, 'config.yml': configWith(auth), ...files });
}

/** JSON is YAML too. */
export function configWith(auth: object, others: object = {}): string {
  return JSON.stringify({ mxcp: 1, projects: { shop: { profiles: { dev: { auth } } } }, ...others });
}
