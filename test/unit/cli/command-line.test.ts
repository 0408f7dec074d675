import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.js';
import type { CommandEntry } from '../../../src/cli/command/command.js';
import { EXIT_CODES } from '../../../src/cli/command/command.js';
import type { Output } from '../../../src/cli/terminal/output.js';
import { parseCommandLine, type Invocation } from '../../../src/cli/parse-command-line.js';
import { toSettingFlags } from '../../../src/cli/command/project-loading.js';
import { ERROR_CODES, exitCodeOf, type ErrorCode } from '../../../src/errors/index.js';

class Recorder implements Output {
  readonly isTerminal = false;
  readonly isErrorTerminal = false;
  readonly isReaderGone = false;
  readonly columns = 80;
  out = '';
  err = '';
  readonly write = (text: string): void => {
    this.out += text;
  };
  readonly writeError = (text: string): void => {
    this.err += text;
  };
  print(line: string): void {
    this.write(`${line}\n`);
  }
  warn(line: string): void {
    this.writeError(`${line}\n`);
  }
  json(value: unknown): void {
    this.print(JSON.stringify(value));
  }
  scrubWith(): void {}
  readonly scrub = (text: string): string => text;
}

function parse(...argv: readonly string[]): Invocation | undefined {
  const commandLine = parseCommandLine(argv, new Recorder());
  return commandLine.kind === 'invocation' ? commandLine : undefined;
}

function allEntries(entries: readonly CommandEntry[]): readonly CommandEntry[] {
  return entries.flatMap((entry) => [entry, ...allEntries(entry.subcommands ?? [])]);
}

describe('the command line', () => {
  it('gives options their values, lists for those that may be repeated', () => {
    const invocation = parse('run', 'tool', 'add', '-p', 'a=1', '--param', 'b=2', '--json-output');
    expect(invocation?.args).toEqual(['tool', 'add']);
    expect(invocation?.options).toEqual({ param: ['a=1', 'b=2'], jsonOutput: true });
  });

  it('distinguishes --admin, --no-admin and neither', () => {
    expect(parse('serve')?.options).toEqual({});
    expect(parse('serve', '--admin')?.options).toEqual({ admin: true });
    expect(parse('serve', '--no-admin')?.options).toEqual({ admin: false });
  });

  it.each(['on', 'off', 'true', 'false'])('passes --sql-tools %s on as it is', (value) => {
    expect(parse('serve', '--sql-tools', value)?.options).toEqual({ sqlTools: value });
  });

  it.each([[['-C', '/srv/sales', 'list']], [['list', '-C', '/srv/sales']], [['list', '--project-dir=/srv/sales']]])(
    'takes the place of the project before and after the command: %j',
    (argv) => {
      expect(parse(...argv)?.options).toEqual({ projectDir: '/srv/sales' });
    },
  );

  it('refuses the place of a project for a command that uses none', () => {
    for (const argv of [
      ['-C', '/srv', 'completion', 'bash'],
      ['init', '--config', 'x.yml'],
    ]) {
      const output = new Recorder();
      expect(parseCommandLine(argv, output)).toMatchObject({ kind: 'misuse' });
      expect(output.err).toMatch(/^Error: unknown option `--(project-dir|config)`/);
    }
  });

  it.each([
    [['valdate', '--help']],
    [['--help', 'valdate']],
    [['help', 'valdate']],
    [['admin', 'statsu', '-h']],
    [['-C', 'help', 'valdate', '--help']],
  ])('refuses a command that does not exist, whether help is asked for or not: %j', (argv) => {
    const output = new Recorder();
    expect(parseCommandLine(argv, output)).toMatchObject({ kind: 'misuse' });
    expect(output.err).toMatch(/unknown command "(valdate|statsu)"/);
    expect(output.out).toBe('');
  });

  it('collects env files under the name of the setting', () => {
    const options = parse('serve', '--env-file', 'a.env', '--env-file', 'b.env')?.options ?? {};
    expect(toSettingFlags(options)).toEqual({ envFiles: ['a.env', 'b.env'] });
  });

  it('parses flags of serve without a value', () => {
    const flags = ['--readonly', '--debug', '--stateless', '--ignore-errors', '--admin-strict'];
    expect(parse('serve', ...flags)?.options).toEqual({
      readonly: true,
      debug: true,
      stateless: true,
      ignoreErrors: true,
      adminStrict: true,
    });
  });

  it.each([[['serv']], [['serve', '--prot', '1']], [['serve', 'extra']], [['run', 'tool']], [['completion', 'csh']]])(
    'refuses %j and says why',
    (argv) => {
      const output = new Recorder();
      expect(parseCommandLine(argv, output)).toMatchObject({ kind: 'misuse', wantsJson: false });
      expect(output.err).toMatch(/^Error: /);
      expect(output.out).toBe('');
    },
  );

  it('answers help and version itself', () => {
    for (const argv of [['--help'], ['help', 'run'], ['admin', 'reload', '--help'], ['--version']]) {
      const output = new Recorder();
      expect(parseCommandLine(argv, output)).toEqual({ kind: 'answered' });
      expect(output.out).not.toBe('');
    }
  });
});

describe('the command table', () => {
  it.each(allEntries(COMMANDS).map((entry) => [entry.name, entry] as const))('%s can be run or asked', (_, entry) => {
    expect((entry.load === undefined) !== (entry.subcommands === undefined)).toBe(true);
    expect(entry.doc).toMatch(/^[A-Z].*[^.]$/);
    for (const option of entry.options ?? []) expect(option.doc).toMatch(/\.$/);
  });

  it('says what every exit code means that an error can have', () => {
    const known = EXIT_CODES.map(({ code }) => code);
    // Object.keys loses the type of the keys.
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) expect(known).toContain(exitCodeOf(code));
  });
});

describe('a command line that was not understood', () => {
  it.each([
    ['run good', '`<name>` is missing; the kind of endpoint comes first: `mxcp run tool good`'],
    ['run sales://a/b', 'the kind comes first: `mxcp run resource sales://a/b`'],
    ['run', '`<type>` is missing; for example `mxcp run tool hello`'],
    ['run tool', '`mxcp list` shows the names'],
    ['run tools good', 'unknown type "tools", expected tool, resource or prompt; did you mean `tool`?'],
    ['completion csh', 'unknown shell "csh", expected bash, zsh or fish'],
    ['serve --port', '`--port <number>` needs a value'],
    ['valdate', 'unknown command "valdate"; did you mean `validate`?'],
    ['test good', 'the kind of endpoint comes first: `mxcp test tool good`'],
    ['run tool order --order_id 3', 'unknown option `--order_id`; a parameter is given as `-p order_id=3`'],
    ['run tool order --order_id=3', 'a parameter is given as `-p order_id=3`'],
    ['run tool order --region north', 'unknown option `--region`; a parameter is given as `-p region=north`'],
    ['run tool order --verbose --debug', 'a parameter is given as `-p verbose=…`'],
    ['run tool order order_id=3', 'got 3; a parameter is given as `-p order_id=3`'],
    ['run tool order -p a=1 7', 'a parameter is given as `-p name=value`'],
    ['query x --year 3', 'a parameter is given as `-p year=3`'],
    ['list --json', 'did you mean `--json-output`?'],
    ['admin status --json-output', 'did you mean `--json`?'],
    ['serve tools', 'too many arguments for `serve`: expected 0, got 1'],
  ])('says what was probably meant: mxcp %s', (line, expected) => {
    const output = new Recorder();
    const parsed = parseCommandLine(line.split(' '), output);
    expect(output.err).toContain(expected);
    expect(output.err).toMatch(/^Error: [^\n]+\n`mxcp [^\n]*--help` shows what can be given\n$/);
    expect(parsed).toMatchObject({ kind: 'misuse', error: { message: expect.stringContaining(expected) } });
  });

  it('names a misspelt option of the command', () => {
    const output = new Recorder();
    parseCommandLine(['run', 'tool', 'order', '--parm', 'a=1'], output);
    expect(output.err).toContain('unknown option `--parm`; did you mean `--param`?\n`mxcp run --help` shows');
  });
});
