export const BUG_EXIT_CODE = 70;

/** What the exit code of every command means. `docs/reference/cli.md` says the same. */
export const EXIT_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: 'fine' },
  { code: 1, meaning: 'a query, an endpoint or a reload failed, or the server is not ready' },
  { code: 2, meaning: 'the command line, the configuration or an endpoint file has to be fixed' },
  {
    code: 3,
    meaning: 'the environment prevents it: port taken, database locked, socket not reachable, disk full',
  },
  { code: 4, meaning: 'the time ran out, or the server is busy; try again later' },
  { code: BUG_EXIT_CODE, meaning: 'a bug of mxcp' },
];

export function formatExitCodes(): string {
  const lines = EXIT_CODES.map(({ code, meaning }) => `  ${String(code).padEnd(4)}${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}
