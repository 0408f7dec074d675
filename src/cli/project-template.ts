export interface ProjectFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
}

export interface ProjectNames {
  readonly project: string;
  readonly profile: string;
}

/** A project that serves one tool. */
export function firstFiles({ project, profile }: ProjectNames): readonly ProjectFile[] {
  return [
    {
      path: 'mxcp-site.yml',
      text: `mxcp: 1
project: "${project}"
profile: "${profile}"

profiles:
  "${profile}":
    duckdb:
      # Made when it is not there. Relative to this file.
      path: data/${profile}.duckdb
`,
    },
    {
      path: 'tools/hello.yml',
      text: `mxcp: 1
tool:
  name: hello
  description: Greets somebody by name.
  annotations:
    readOnlyHint: true
  parameters:
    - name: name
      type: string
      description: Whom to greet.
      examples: [Ada]
      default: world
      maxLength: 100
  return:
    type: object
    properties:
      greeting: { type: string }
      served_at: { type: string, format: date-time }
    required: [greeting]
  source:
    code: |
      SELECT
        'Hello, ' || $name || '!' AS greeting,
        now() AS served_at
`,
    },
  ];
}

/** An example of a resource and of a prompt. */
export function exampleFiles(): readonly ProjectFile[] {
  return [
    {
      path: 'resources/settings.yml',
      text: `mxcp: 1
resource:
  uri: database://settings/{setting}
  name: database_setting
  description: One setting of the database, by its name.
  mime_type: application/json
  parameters:
    - name: setting
      type: string
      description: Name of the setting.
      examples: [memory_limit]
  return:
    type: object
    properties:
      name: { type: string }
      value: { type: string }
      description: { type: string }
  source:
    file: ../sql/setting.sql
`,
    },
    {
      path: 'sql/setting.sql',
      text: `SELECT name, value, description
FROM duckdb_settings()
WHERE name = $setting
`,
    },
    {
      path: 'prompts/introduce.yml',
      text: `mxcp: 1
prompt:
  name: introduce
  description: Asks the assistant to greet somebody and say what it can do here.
  parameters:
    - name: name
      type: string
      description: Whom to greet.
  messages:
    - role: user
      prompt: |
        Call the tool hello with the name {{ name }}, then say in two sentences what the tools of this server can do.
`,
    },
  ];
}

export const IGNORED: ProjectFile = {
  path: '.gitignore',
  text: `# Databases and sockets are made here, not kept.
data/
*.duckdb
*.duckdb.wal
.*.mxcp*
*.sock
# Values of references.
*.env
secrets/
`,
};
