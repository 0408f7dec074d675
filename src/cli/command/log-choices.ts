/** What the options of `mxcp log` can be: what the records of the audit log have. Completion offers it, and the command refuses anything else. */
export const LOG_CHOICES = {
  type: ['tool', 'resource', 'prompt', 'completion', 'request', 'admin', 'reload', 'auth', 'audit'],
  policy: ['allow', 'deny', 'warn'],
  status: ['success', 'error'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
