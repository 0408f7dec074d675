import { httpSecret, userConfig, type ProjectFiles } from '../../kit/projects/temporary-project.js';

/** Texts that must never leave the process, one for each way a secret can come in. All of them hold `canary`. */
export const CANARIES = {
  literal: 'canary-literal-7Rz',
  envFile: 'canary-env-file-9Qk',
  processEnv: 'canary-process-env-3Wd',
  file: 'canary-file-5Tm',
  header: 'canary-header-8Yp',
  url: 'http://svc:canary-url-4Hn@db.internal:5432/x?y=1',
  quotes: `canary's "quoted" \\ back\`tick`,
  lines: 'canary line one\ncanary line two',
  unicode: 'canary-ключ-🔑-ü',
  plugin: 'canary-plugin-6Jb',
  telemetry: 'canary-telemetry-1Vc',
  model: 'canary-model-0Xs',
} as const;

/** Too short to be searched for in diagnostics; replacing them there would only spoil the rest. */
export const SHORT = { one: '1', prod: 'prod' } as const;

const TOOLS: ProjectFiles = {
  'tools/short.yml': tool('short', 'string', `SELECT 'prod 1 production'`),
  'tools/cast.yml': tool('cast', 'integer', 'SELECT CAST($text AS INTEGER)'),
  'tools/file.yml': tool('file', 'integer', `SELECT CAST(content AS INTEGER) FROM read_text('secrets/token')`),
  'tools/raise.yml': tool('raise', 'string', 'SELECT error($text)'),
  'tools/prod.yml': tool('prod', 'string', `SELECT 'prod'`),
  'tools/pair.yml': tool('pair', 'string', `SELECT $text || ' ok'`),
  'resources/note.yml': [
    'mxcp: 1',
    'resource:',
    '  uri: "note://{text}"',
    '  parameters: [{ name: text, type: string, description: A text }]',
    '  source: { code: "SELECT error($text)" }',
  ],
  'prompts/say.yml': [
    'mxcp: 1',
    'prompt:',
    '  name: say',
    '  parameters: [{ name: text, type: integer, description: A number }]',
    '  messages: [{ role: user, type: text, prompt: "{{ text }}" }]',
  ],
};

/** A project that takes secrets in every way there is. */
export const CANARY_PROJECT: ProjectFiles = {
  ...TOOLS,
  'mxcp-site.yml': ['mxcp: 1', 'project: shop', 'profile: dev', 'sql_tools: { enabled: true }'],
  'secrets/token': `${CANARIES.file}\n`,
  'service.env': envFile({ ENV_FILE: CANARIES.envFile }),
  'config.yml': canaryConfig(),
};

/** Python code that sees every secret, and says them wherever code can say something. */
export const CANARY_PYTHON: ProjectFiles = {
  'tools/shout.yml': pythonTool('shout', 'string'),
  'tools/whisper.yml': pythonTool('whisper', 'string'),
  'tools/spell.yml': pythonTool('spell', 'string'),
  'tools/tell.yml': pythonTool('tell', 'string'),
  'python/voices.py': [
    'import base64, json, os, sys, warnings',
    'from mxcp.runtime import config, mcp, on_init',
    '',
    '@on_init',
    'def greet():',
    "    print('begins with', os.environ['PROCESS_ENV'], config.get_secret('literal'))",
    '',
    'def shout(text):',
    '    print(text)',
    "    print('to standard error:', text, file=sys.stderr)",
    '    warnings.warn(text)',
    "    raise ValueError('cannot use ' + text)",
    '',
    'def spell(text):',
    "    print('spelt:', {'token': text}, repr({'token': text}.__repr__()), ascii(text), text.encode())",
    "    print(json.dumps({'token': text}), base64.b64encode(f'user:{text}'.encode()))",
    '    raise KeyError(text)',
    '',
    'async def tell(text):',
    "    await mcp.warning('to say: ' + text, {'token': text, text: [text, {'deep': repr(text)}]})",
    "    await mcp.progress(1, 2, 'with ' + text)",
    "    return 'sent'",
    '',
    'def whisper(text):',
    "    return text + ' prod 1 production'",
  ],
};

/** What the process is given; values that an env file cannot hold come this way. */
export const CANARY_ENVIRONMENT: NodeJS.ProcessEnv = {
  PROCESS_ENV: CANARIES.processEnv,
  QUOTES: CANARIES.quotes,
  LINES: CANARIES.lines,
  UNICODE: CANARIES.unicode,
  SHORT_ONE: SHORT.one,
  SHORT_PROD: SHORT.prod,
};

export function envFile(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}

/** The user configuration; `more` are further secrets, each a list of lines. */
export function canaryConfig(...more: readonly (readonly string[])[]): readonly string[] {
  return [
    ...userConfig(
      httpSecret('literal', CANARIES.literal),
      httpSecret('env_file', '${ENV_FILE}'),
      httpSecret('process_env', '${PROCESS_ENV}'),
      httpSecret('file', 'file://secrets/token'),
      httpSecret('quotes', '${QUOTES}'),
      httpSecret('lines', '${LINES}'),
      httpSecret('unicode', '${UNICODE}'),
      httpSecret('one', '${SHORT_ONE}'),
      httpSecret('prod', '${SHORT_PROD}'),
      [...httpSecret('headers', 'none'), '  EXTRA_HTTP_HEADERS:', `    X-Api-Key: "${CANARIES.header}"`],
      ['name: url', 'type: postgres-url', 'parameters:', `  url: "${CANARIES.url}"`],
      ...more,
    ),
    `        plugin: { config: { notes: { key: "${CANARIES.plugin}" } } }`,
    `        telemetry: { headers: { Authorization: "${CANARIES.telemetry}" } }`,
    `models: { models: { main: { type: claude, api_key: "${CANARIES.model}" } } }`,
  ];
}

function tool(name: string, type: string, sql: string): readonly string[] {
  const parameters = sql.includes('$text') ? ['  parameters: [{ name: text, type: string, description: A text }]'] : [];
  return [
    'mxcp: 1',
    'tool:',
    `  name: ${name}`,
    ...parameters,
    `  return: { type: ${type} }`,
    '  source:',
    `    code: ${JSON.stringify(sql)}`,
  ];
}

function pythonTool(name: string, type: string): readonly string[] {
  return [
    'mxcp: 1',
    'tool:',
    `  name: ${name}`,
    '  language: python',
    '  parameters: [{ name: text, type: string, description: A text }]',
    `  return: { type: ${type} }`,
    '  source: { file: ../python/voices.py }',
  ];
}

/** Where canaries show in a text, with the text around them. The spellings of other notations count too, base 64 at last. */
export function leaksIn(text: string): readonly string[] {
  const shown = /.{0,80}(?:canary|Y2FuYXJ5|NhbmFyeS|jYW5hcn).{0,80}/gi;
  return [...text.matchAll(shown)].map(([around]) => around);
}
