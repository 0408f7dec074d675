import { z } from 'zod';
import { clip } from '../errors/index.js';
import { hints } from '../yaml/index.js';
import type { DeclaredType } from './cel/declared-type.js';

export const POLICY_ACTIONS = ['deny', 'filter_fields', 'mask_fields', 'filter_sensitive_fields'] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

/** YAML 1.1 reads `on` as true. */
const enforce = z
  .union([z.literal('on'), z.literal('log'), z.literal(true)], {
    error: ({ input }) => {
      const wayOut = input === false || input === 'off' ? '; to switch a rule off, remove it' : '';
      return `must be on or log, not ${clip(JSON.stringify(input), 100)}${wayOut}`;
    },
  })
  .nullish();

const ruleSchema = z
  .strictObject({
    condition: z
      .string()
      .min(1, 'must not be empty')
      .register(hints, {
        hint: (written) => (typeof written === 'boolean' ? `write it in quotes: "${written}"` : undefined),
      }),
    action: z.enum(POLICY_ACTIONS),
    reason: z.string().nullish(),
    fields: z.array(z.string().min(1)).nullish(),
    enforce,
  })
  .register(hints, {
    keys: {
      if: 'condition',
      when: 'condition',
      expression: 'condition',
      message: 'reason',
      field: 'fields',
      mode: 'enforce',
    },
    hint: (written) =>
      typeof written === 'string' ? 'write each rule as `- condition: …` with an `action`' : undefined,
  });

/** `policies` of an endpoint file, and of `sql_tools` in the site file. */
export const policiesSchema = z
  .strictObject({ enforce, input: z.array(ruleSchema).nullish(), output: z.array(ruleSchema).nullish() })
  .register(hints, { keys: { mode: 'enforce', request: 'input', response: 'output', rules: 'input' } });

export type WrittenPolicies = z.output<typeof policiesSchema>;
export type WrittenRule = z.output<typeof ruleSchema>;

/** What policies guard: the parameters that their conditions may read, and the declared answer. */
export interface GuardedEndpoint {
  readonly kind: 'tool' | 'resource' | 'prompt' | 'sql tool';
  readonly parameters: readonly (DeclaredType & { readonly name: string })[];
  /** Undefined when the endpoint declares no `return`. */
  readonly returns: DeclaredType | undefined;
}

/** What is wrong with a rule, or probably not intended. */
export interface PolicyFinding {
  /** Below `policies`. */
  readonly at: readonly (string | number)[];
  readonly message: string;
  /** A line of a condition of several lines, counted from 0. */
  readonly line?: number;
  readonly isWarning: boolean;
}
