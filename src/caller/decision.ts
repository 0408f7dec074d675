/** What the protections decided about one call. */
export interface Decision {
  /** The client gets it beside the reason, never the rule; log, trace and audit log have it too. */
  readonly id: string;
  /** `warn`: allowed, with a changed result or with a rule that would have denied it. */
  readonly decision: 'allow' | 'deny' | 'warn';
  readonly reason: string | null;
  /** The rules that were evaluated, in order. */
  readonly policies: readonly string[];
}
