import { spawnSync } from 'node:child_process';

/** What these tests drive, how to see that it is there, and how to get it on Debian. */
const TOOLS = [
  { name: 'curl', check: ['curl', '--version'], install: 'apt-get install curl' },
  { name: 'jq', check: ['jq', '--version'], install: 'apt-get install jq' },
  { name: 'lsof', check: ['lsof', '-v'], install: 'apt-get install lsof' },
  { name: 'zsh', check: ['zsh', '--version'], install: 'apt-get install zsh' },
  { name: 'logrotate', check: ['logrotate', '--version'], install: 'apt-get install logrotate' },
  { name: 'fish', check: ['fish', '--version'], install: 'apt-get install fish' },
  { name: 'python3', check: ['python3', '--version'], install: 'apt-get install python3' },
  {
    name: 'mcp for python3, from version 2 on',
    check: ['python3', '-c', 'from mcp import Client'],
    install: 'python3 -m venv .venv && .venv/bin/pip install mcp, then PATH="$PWD/.venv/bin:$PATH"',
  },
  {
    name: 'httpx for python3',
    check: ['python3', '-c', 'import httpx'],
    install: 'python3 -m venv .venv && .venv/bin/pip install httpx, then PATH="$PWD/.venv/bin:$PATH"',
  },
  {
    name: 'jinja2 for python3, which prompts are compared with',
    check: ['python3', '-c', 'import jinja2'],
    install: 'python3 -m venv .venv && .venv/bin/pip install jinja2, then PATH="$PWD/.venv/bin:$PATH"',
  },
  {
    // Of the version that the server itself has: what it gives to Python code is compared with it.
    name: 'duckdb 1.5.6, numpy, pandas, pydantic and pytz for python3',
    check: ['python3', '-c', 'import duckdb, numpy, pandas, pydantic, pytz; assert duckdb.__version__ == "1.5.6"'],
    install:
      'python3 -m venv .venv && .venv/bin/pip install duckdb==1.5.6 numpy pandas pydantic pytz, then PATH="$PWD/.venv/bin:$PATH"',
  },
  {
    name: 'the SDK of OpenTelemetry for python3',
    check: ['python3', '-c', 'import opentelemetry.exporter.otlp.proto.http.trace_exporter'],
    install:
      'python3 -m venv .venv && .venv/bin/pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http, then PATH="$PWD/.venv/bin:$PATH"',
  },
] as const;

/** Runs once before the system tests. Throws naming everything that is missing: a test that is left out says nothing. */
export default function assertToolsPresent(): void {
  const missing = TOOLS.filter(({ check: [program, ...options] }) => {
    const { error, status } = spawnSync(program, options, { stdio: 'ignore' });
    return error !== undefined || status !== 0;
  });
  if (missing.length === 0) return;
  const lines = missing.map(({ name, install }) => `  ${name}: ${install}`);
  throw new Error(
    ['the system tests need these, which are missing here:', ...lines, 'or run .ci/run, which installs them'].join(
      '\n',
    ),
  );
}
