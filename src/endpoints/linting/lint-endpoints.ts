import { clip, type Problem, type SourcePosition } from '../../errors/index.js';
import { SITE_FILE_NAME } from '../../settings/index.js';
import { type ParameterDefinition, toInputSchema, toOutputSchema, type TypeDefinition } from '../../values/index.js';
import { type KeyPath, toDotted } from '../../yaml/index.js';
import { CLIENT_LIMITS } from './client-rules.js';
import type { EndpointCatalog, EndpointDefinition, ToolDefinition } from '../definitions/endpoint-definition.js';
import { typesIn } from '../definitions/type-rules.js';

/** `error`: the endpoint is not served. `warning`: models or clients fail with it. `info`: models use it better otherwise. */
export const LINT_SEVERITIES = ['error', 'warning', 'info'] as const;
export type LintSeverity = (typeof LINT_SEVERITIES)[number];

export interface LintFinding extends SourcePosition {
  readonly severity: LintSeverity;
  /** Dotted path of the key; undefined for a whole file. */
  readonly location: string | undefined;
  readonly message: string;
  /** What to do. A problem that refuses the endpoint says so in its message. */
  readonly suggestion: string | undefined;
}

/** A finding at a key of a definition. */
type Note = readonly [severity: LintSeverity, at: KeyPath, message: string, suggestion: string];

/** What a model needs of endpoints to use them well, and what strict clients refuse; in the order of files and keys. */
export function lintEndpoints(catalog: EndpointCatalog): LintFinding[] {
  const toFinding = (severity: LintSeverity, { path, count: _count, ...problem }: Problem): LintFinding => ({
    ...problem,
    severity,
    location: path,
    suggestion: undefined,
  });
  const lintBeside = lintAmong(catalog.endpoints);
  const findings = [
    ...catalog.failures.flatMap(({ problems }) => problems.map((problem) => toFinding('error', problem))),
    ...catalog.warnings.map((problem) => toFinding('warning', problem)),
    ...catalog.endpoints.flatMap((definition) =>
      [...lintDefinition(definition), ...lintBeside(definition)].map(
        ([severity, at, message, suggestion]): LintFinding => ({
          ...definition.positions.key(...at),
          severity,
          location: toDotted([definition.kind, ...at]),
          message,
          suggestion,
        }),
      ),
    ),
    ...lintNumber(catalog.endpoints.filter(({ kind }) => kind === 'tool').length),
  ];
  const inOrder = (a: LintFinding, b: LintFinding): number =>
    (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
  return findings.sort((a, b) => (a.file === b.file ? inOrder(a, b) : a.file < b.file ? -1 : 1));
}

function lintDefinition(definition: EndpointDefinition): Note[] {
  const { kind, parameters, tests } = definition;
  return [
    ...lintName(definition),
    ...lintDescription(definition),
    ...parameters.flatMap((type, index) => lintInput(type, ['parameters', index])),
    ...(kind === 'tool' ? lintTool(definition) : []),
    ...(tests.length > 0 || kind === 'prompt'
      ? []
      : [['info', [], `the ${kind} has no tests`, 'add `tests`, which `mxcp test` runs'] as const]),
  ];
}

const GENERIC_NAME =
  /^(?:call|data|do|execute|fetch|foo|function|get|main|process|prompt|query|resource|run|test|tool)[\d_]*$/i;

function lintName({ kind, name }: EndpointDefinition): Note[] {
  if (kind === 'resource') return [];
  if (GENERIC_NAME.test(name))
    return [
      [
        'warning',
        ['name'],
        `the name "${name}" does not say what the ${kind} does`,
        'name it with a verb and its object, such as "get_customer"',
      ],
    ];
  if (kind === 'prompt' || name.length <= CLIENT_LIMITS.nameBesideServer) return [];
  const message = `the name has ${name.length} characters; Cursor leaves out tools whose name and server name have more than ${CLIENT_LIMITS.cursorName}`;
  return [['info', ['name'], message, 'choose a shorter name']];
}

const MAX_DESCRIPTION = CLIENT_LIMITS.openaiDescription;

function lintDescription({ kind, name, description = '' }: EndpointDefinition): Note[] {
  const text = description.trim();
  const advice = `say in one or two sentences what the ${kind} gives and when to use it`;
  if (text === '')
    return [['warning', [], `the ${kind} has no description, so a model has only its name to choose it by`, advice]];
  if (toWords(text) === toWords(name))
    return [['warning', ['description'], 'the description only repeats the name', advice]];
  if (text.length < 20) return [['info', ['description'], `the description "${text}" is very short`, advice]];
  if (text.length <= MAX_DESCRIPTION) return [];
  const message = `the description has ${text.length} characters; OpenAI refuses more than ${MAX_DESCRIPTION}, and models skip long ones`;
  return [['warning', ['description'], message, 'move details to the descriptions of parameters']];
}

/** Equal for texts that differ only in case, spaces and punctuation. */
function toWords(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** About 2,000 tokens, which every request of a client pays for. */
const LARGE_SCHEMA = 8_000;

function lintTool(definition: ToolDefinition): Note[] {
  const { description, parameters, returns } = definition;
  const schemas = [description, toInputSchema(parameters), returns && toOutputSchema(returns)];
  const size = JSON.stringify(schemas).length;
  return [
    ...(returns === undefined
      ? [
          [
            'info',
            [],
            'the tool has no `return`, so clients do not know the form of its result',
            'declare `return`',
          ] as const,
        ]
      : lintOutput(returns)),
    ...lintHints(definition),
    ...(size > LARGE_SCHEMA
      ? [
          [
            'warning',
            [],
            `descriptions and types have ${size} characters, which fill the context of every model`,
            'shorten descriptions and lists of values, or divide the tool',
          ] as const,
        ]
      : []),
  ];
}

function lintHints({ annotations, confirm }: Pick<ToolDefinition, 'annotations' | 'confirm'>): Note[] {
  const notes: Note[] = [];
  if (annotations?.readOnlyHint === undefined && annotations?.destructiveHint === undefined)
    notes.push([
      'info',
      [],
      'the tool does not say whether it changes anything, so clients ask before each call',
      'add `annotations: { readOnlyHint: true }` if it only reads',
    ]);
  if (annotations?.destructiveHint === true && confirm === undefined)
    notes.push([
      'info',
      ['annotations', 'destructiveHint'],
      'the tool destroys data, and whether a person is asked first depends on the client',
      'add `confirm` with the question to ask',
    ]);
  return notes;
}

type TypePlace = ReturnType<typeof typesIn>[number];

/** One note for a whole result, which may have many members. */
function lintOutput(returns: TypeDefinition): Note[] {
  const members = typesIn(returns, []).filter(
    ({ at, type }) => at.at(-2) === 'properties' && !type.description?.trim(),
  );
  if (members.length === 0) return [];
  const names = members.map(({ name }) => `"${name.replace(/^[.[\]]+/, '')}"`).join(', ');
  const message = `the result has members without a description: ${clip(names, 200)}`;
  return [['info', ['return'], message, 'say what they mean, with their units']];
}

function lintInput(parameter: ParameterDefinition, at: KeyPath): Note[] {
  return typesIn(parameter, at).flatMap((place) => {
    const isParameter = place.type === parameter;
    const isMember = place.at.at(-2) === 'properties';
    return [
      ...(isParameter || isMember ? lintMember(place, isParameter ? parameter : undefined) : []),
      ...lintStructure(place),
      ...lintValues(place),
    ];
  });
}

/** Gemini refuses `examples`, so a description is the better place for one. */
const NAMES_EXAMPLE = /\b(?:such as|for example|e\.g\.)/i;

/** What a model needs to fill in a parameter, or a member of one. */
function lintMember({ type, at, name }: TypePlace, parameter: ParameterDefinition | undefined): Note[] {
  const { description = '', type: typeName, enum: values, format, pattern, examples, default: standard } = type;
  const label = `"${clip(name, 80)}"`;
  const own = name.split('.').at(-1) ?? name;
  const notes: Note[] = [];
  const text = description.trim();
  if (text === '') {
    const severity = parameter === undefined ? 'info' : 'warning';
    notes.push([severity, at, `${label} has no description`, 'say what it means, with its unit or format']);
  } else if (toWords(text) === toWords(own))
    notes.push([
      'info',
      [...at, 'description'],
      `the description of ${label} only repeats its name`,
      'say what it means, with its unit or format',
    ]);
  if (own.length === 1)
    notes.push(['info', at, `the name ${label} is a single letter`, 'choose a name that says what it is']);
  if (typeName === 'string' && format === undefined && values === undefined && /(?:^|_)date$|_at$/i.test(own))
    notes.push([
      'info',
      at,
      `${label} seems to be a date or a time without a \`format\``,
      'add `format: date` or `format: date-time`',
    ]);
  const isExplained = [values, format, pattern, examples, standard, parameter?.complete].some(
    (each) => each !== undefined,
  );
  if (parameter !== undefined && typeName === 'string' && !isExplained && !NAMES_EXAMPLE.test(text))
    notes.push([
      'info',
      at,
      `${label} has no example`,
      'name one in its description ("such as …"), or add `enum` if its values are known',
    ]);
  return notes;
}

const MAX_DEPTH = 5;

function lintStructure({ type, at, name }: TypePlace): Note[] {
  const { type: typeName, items, properties, required } = type;
  const label = `"${clip(name, 80)}"`;
  const notes: Note[] = [];
  if (typeName === 'array' && items === undefined)
    notes.push(['info', at, `${label} does not say what the list contains`, 'add `items`']);
  if (typeName === 'object' && Object.keys(properties ?? {}).length === 0)
    notes.push([
      'warning',
      at,
      `${label} has no \`properties\`: a model cannot know its members, and Gemini refuses it`,
      'add `properties`',
    ]);
  if (properties === undefined && (required?.length ?? 0) > 0)
    notes.push([
      'warning',
      [...at, 'required'],
      `${label} requires members without declaring them, which some clients refuse`,
      'add them to `properties`',
    ]);
  const depth = at.filter((step) => step === 'items' || step === 'properties').length;
  if (depth === MAX_DEPTH)
    notes.push([
      'info',
      at,
      `${label} is nested ${MAX_DEPTH} levels deep; models make mistakes there, and OpenAI limits the depth`,
      'flatten it',
    ]);
  return notes;
}

/** A model reads every value, and OpenAI limits their number. */
const MAX_VALUES = 100;

function lintValues({ type, at, name }: TypePlace): Note[] {
  const { enum: values, pattern = '', description = '' } = type;
  const label = `"${clip(name, 80)}"`;
  const notes: Note[] = [];
  if (values !== undefined && values.length > MAX_VALUES)
    notes.push([
      'warning',
      [...at, 'enum'],
      `the \`enum\` of ${label} has ${values.length} values, which fill the context of every model`,
      'let a tool or a resource list them instead',
    ]);
  if (values === undefined && type.type === 'string' && /\bone of\b|\beither\b/i.test(description))
    notes.push([
      'info',
      at,
      `the description of ${label} lists its values`,
      'list them as `enum`, so that no other one is sent',
    ]);
  if (values !== undefined && type.type !== 'string')
    notes.push([
      'info',
      [...at, 'enum'],
      `the \`enum\` of ${label} has values of type ${type.type}, which Gemini refuses`,
      'declare strings, or name the values in the description',
    ]);
  if (/\(\?[=!]/.test(pattern))
    notes.push([
      'info',
      [...at, 'pattern'],
      `the \`pattern\` of ${label} looks ahead, which clients in Go and Rust cannot`,
      'write it without `(?=` and `(?!`',
    ]);
  return notes;
}

/** What makes endpoints of one kind hard to tell from each other. */
function lintAmong(all: readonly EndpointDefinition[]): (definition: EndpointDefinition) => Note[] {
  const named = all.filter(({ kind }) => kind !== 'resource');
  const byName = groupBy(named, ({ kind, name }) => `${kind} ${toWords(name)}`);
  const described = all.filter(({ description = '' }) => toWords(description) !== '');
  const byText = groupBy(described, ({ kind, description = '' }) => `${kind} ${toWords(description)}`);
  return (definition) => {
    const similar = byName.get(definition)?.find((other) => other !== definition);
    const same = byText.get(definition)?.find((other) => other !== definition);
    const notes: Note[] = [];
    if (similar !== undefined) {
      const message = `the name is nearly that of "${similar.name}", so models confuse them`;
      notes.push(['warning', ['name'], message, 'choose names that differ in a word']);
    }
    if (same !== undefined) {
      const message = `the description is that of "${same.name}" as well, so models cannot choose`;
      notes.push(['warning', ['description'], message, 'say how they differ']);
    }
    return notes;
  };
}

/** For each item, the items with an equal key. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<T, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), groups.get(keyOf(item)) ?? []);
  for (const item of items) groups.get(keyOf(item))?.push(item);
  return new Map(items.map((item) => [item, groups.get(keyOf(item)) ?? []]));
}

function lintNumber(tools: number): LintFinding[] {
  if (tools <= 40) return [];
  const message =
    tools <= CLIENT_LIMITS.openaiTools
      ? `the project has ${tools} tools; Cursor uses ${CLIENT_LIMITS.cursorTools} at most of all servers, and models choose worse among many`
      : `the project has ${tools} tools; OpenAI refuses more than ${CLIENT_LIMITS.openaiTools}`;
  const severity = tools <= CLIENT_LIMITS.openaiTools ? 'info' : 'warning';
  return [
    { file: SITE_FILE_NAME, severity, location: undefined, message, suggestion: 'divide it into several projects' },
  ];
}
