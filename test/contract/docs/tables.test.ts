import { describe, expect, it } from 'vitest';
import { EVENTS, EXPERIMENTAL_ROUTES, FEATURES, ROUTES, STREAM_EVENTS } from '../../../src/contract/index.js';
import { components } from '../../../src/contract/components.js';
import type { RouteContract } from '../../../src/contract/index.js';
import { COMMANDS } from '../../../src/cli/command-table.js';
import { EXIT_CODES } from '../../../src/cli/command/command.js';
import { CLIENT_RULES, TOOL_COUNT_RULES } from '../../../src/endpoints/linting/client-rules.js';
import { reloadTable } from '../../../src/config/reload-effects.js';
import { SETTINGS, type Setting } from '../../../src/settings/index.js';
import { KNOWN_NAMES } from '../../../src/prompts/template-names.js';
import { ERROR_CODES, exitCodeOf, httpStatusOf, type ErrorCode } from '../../../src/errors/index.js';
import { codesOf, readPage, tableUnder } from './doc-blocks.js';

const API_PAGE = 'docs/reference/admin-api.md';
const CLI_PAGE = 'docs/reference/cli.md';

describe('the table of errors', () => {
  it('has exactly the codes of the program, with status, exit code and meaning', () => {
    const shown = tableUnder('docs/reference/errors.md', 'Errors');
    // The keys of a literal table are its codes.
    const real = (Object.keys(ERROR_CODES) as ErrorCode[]).map((name) => [
      code(name),
      String(httpStatusOf(name)),
      String(exitCodeOf(name)),
      ERROR_CODES[name].doc,
    ]);
    expect(sorted(shown)).toEqual(sorted(real));
  });
});

describe('the table of what clients refuse', () => {
  it('has exactly the rules of the program, with source and date', () => {
    const real = [...CLIENT_RULES, ...TOOL_COUNT_RULES].map(({ id, subject, consequence, source, date }) => [
      code(id),
      subject,
      consequence,
      `[${date}](${source})`,
    ]);
    expect(tableUnder('docs/reference/clients.md', 'Rules')).toEqual(real);
  });
});

describe('the table of what prompts may use', () => {
  const shown = new Map(
    tableUnder('docs/reference/prompts.md', 'What is supported').map(([kind = '', names = '']) => [kind, names]),
  );

  it.each(Object.entries(KNOWN_NAMES))('has exactly the %s', (kind, names) => {
    // After the semicolon and in brackets, a cell says how something is used.
    const [listed = ''] =
      shown
        .get(kind)
        ?.replaceAll(/\([^)]*\)/g, '')
        .split(';') ?? [];
    expect([...codesOf(listed)].sort()).toEqual([...names].sort());
  });
});

describe('the table of routes', () => {
  it('has exactly the routes of the contract', () => {
    const shown = tableUnder(API_PAGE, 'Routes').map(([route, probe, , doc]) => [route, probe, doc]);
    const real = Object.values<RouteContract>(ROUTES).map(({ method, path, probe, doc }) => [
      `\`${method} ${path}\``,
      probe ? 'yes' : 'no',
      doc,
    ]);
    expect(sorted(shown)).toEqual(sorted(real));
  });

  it('lists only statuses that the contract has', () => {
    for (const [route = '', , statuses = ''] of tableUnder(API_PAGE, 'Routes')) {
      const contract = Object.values<RouteContract>(ROUTES).find(
        ({ method, path }) => codesOf(route)[0] === `${method} ${path}`,
      );
      expect(Object.keys(contract?.responses ?? {})).toEqual(expect.arrayContaining(statuses.split(', ')));
    }
  });

  it.each(Object.values<RouteContract>(ROUTES).filter(({ query }) => Object.keys(query.shape).length > 0))(
    '$method $path: exactly its options are documented',
    ({ method, path, query }) => {
      const shown = tableUnder(API_PAGE, `\`${method} ${path}\``).map(([option = '']) => codesOf(option)[0]);
      expect(shown.sort()).toEqual(Object.keys(query.shape).sort());
    },
  );
});

describe('the section on stability', () => {
  const [, section = ''] = readPage(API_PAGE).split('## Stability');
  const [routes = '', features = ''] = section.split('`features` of `/status` names');

  it('lists exactly the experimental routes', () => {
    const shown = codesOf(routes.replaceAll('\n', ' ')).filter((each) => /^(?:GET|POST|PUT|DELETE) /.test(each));
    const real = Object.entries<RouteContract>(ROUTES).filter(([name]) => EXPERIMENTAL_ROUTES.has(name));
    expect([...shown].sort()).toEqual(real.map(([, { method, path }]) => `${method} ${path}`).sort());
    expect(real).toHaveLength(EXPERIMENTAL_ROUTES.size);
  });

  it('lists exactly the features, each of which has a route', () => {
    const [shown = ''] = features.split('. Look for');
    expect([...codesOf(shown.replaceAll('\n', ' '))].sort()).toEqual(Object.keys(FEATURES).sort());
    for (const route of Object.values(FEATURES)) expect(ROUTES).toHaveProperty(route);
  });
});

describe('the table of events', () => {
  const real = Object.entries({ ...EVENTS, ...STREAM_EVENTS });
  // The first table of the section has the options.
  const [, shown = ''] = readPage(API_PAGE).split('| event | when |');

  it.each(real)('has %s, with what it means and its fields', (name, schema) => {
    const row = shown.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
    expect(row).toContain(`| ${components.get(schema)?.description} |`);
    const fields = Object.keys(schema.shape).filter((field) => field !== 'at');
    expect([...codesOf(row?.split('|')[3] ?? '')]).toEqual(expect.arrayContaining(fields));
  });
});

describe('the table of settings', () => {
  const real = Object.values<Setting<unknown>>(SETTINGS);

  it('has exactly the settings of the program, with option, variable, default and meaning', () => {
    const shown = tableUnder('docs/operations/configuration.md', 'Settings');
    const rows = real.map(({ flag, variable, fallback, doc }) => [code(flag), code(variable), code(fallback), doc]);
    expect(sorted(shown)).toEqual(sorted(rows));
  });

  it('of the admin socket, in its own guide, has the right names and defaults', () => {
    const admin = real.filter(({ variable }) => variable?.startsWith('MXCP_ADMIN_'));
    const shown = tableUnder('docs/operations/admin-socket.md', 'Switching it on');
    expect(shown.map(([variable = '']) => codesOf(variable)[0]).sort()).toEqual(
      admin.map(({ variable }) => variable).sort(),
    );
    for (const [variable = '', option = '', fallback = ''] of shown) {
      const setting = admin.find((candidate) => candidate.variable === codesOf(variable)[0]);
      expect(codesOf(option)[0]).toBe(setting?.flag?.split(' ')[0]);
      const isWord = setting?.fallback === undefined || setting.fallback === 'false';
      expect(isWord ? fallback : codesOf(fallback)[0]).toBe(
        isWord ? (setting?.kind === SETTINGS.admin.kind ? 'off' : 'none') : setting?.fallback,
      );
    }
  });
});

describe('the table of what a reload applies', () => {
  it('has exactly the rows of the program', () => {
    const shown = tableUnder('docs/operations/configuration.md', 'Reload or restart');
    const file = { site: '`mxcp-site.yml`', user: 'user configuration' };
    const applies = { live: 'reload', restart: 'restart' };
    const rows = reloadTable().map((row) => [code(row.path.join('.')), file[row.file], applies[row.reload]]);
    expect(sorted(shown)).toEqual(sorted(rows));
  });
});

describe('the page of commands', () => {
  const commands = COMMANDS.flatMap(({ subcommands, ...command }) =>
    subcommands === undefined
      ? [{ ...command, title: `mxcp ${command.name}` }]
      : subcommands.map((entry) => ({ ...entry, title: `mxcp ${command.name} ${entry.name}` })),
  );

  it('has a section for each command and for no other', () => {
    const sections = [...readPage(CLI_PAGE).matchAll(/^## (mxcp .*)$/gm)].map(([, title]) => title);
    expect(sections.sort()).toEqual(commands.map(({ title }) => title).sort());
  });

  it.each(commands)('$title: has exactly its arguments and options', ({ title, ...command }) => {
    const settings = Object.values<Setting<unknown>>(SETTINGS).flatMap(({ flag }) => flag ?? []);
    const section = sectionOf(CLI_PAGE, title);
    const shared = [
      ...(section.includes('(#of-a-project)') ? rowNames(CLI_PAGE, 'Of a project') : []),
      ...(section.includes('(#of-mxcp-admin)') ? rowNames(CLI_PAGE, 'Of mxcp admin') : []),
      ...(section.includes('configuration.md#settings') ? settings : []),
    ];
    const own = section.includes('\n| ') ? rowNames(CLI_PAGE, title) : [];
    const real = [
      ...(command.arguments ?? []).map(({ usage }) => usage),
      ...(command.options ?? []).map(({ flags }) => flags),
    ];
    expect([...own, ...shared].sort()).toEqual(real.sort());
    expect(section).toContain(`${command.doc}.`);
  });

  it('has the exit codes of the program', () => {
    const shown = tableUnder(CLI_PAGE, 'Exit codes');
    expect(sorted(shown)).toEqual(sorted(EXIT_CODES.map((row) => [String(row.code), row.meaning])));
  });
});

function rowNames(file: string, heading: string): readonly string[] {
  return tableUnder(file, heading).flatMap(([cell = '']) => codesOf(cell).slice(0, 1));
}

function sectionOf(file: string, title: string): string {
  const [, rest = ''] = readPage(file).split(`\n## ${title}\n`);
  return rest.split('\n## ')[0] ?? '';
}

function code(text: string | undefined): string {
  return text === undefined || text === '' ? '–' : `\`${text}\``;
}

function sorted(rows: readonly (readonly (string | undefined)[])[]): readonly string[] {
  return rows.map((row) => row.join(' | ')).sort();
}
