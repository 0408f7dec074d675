import type { CompiledPolicies } from './compile-rules.js';
import type { GuardedEndpoint, WrittenPolicies } from './policy-rules.js';

/** Whether any rule is declared. Without one, the language of conditions is not loaded. */
export function hasRules(written: WrittenPolicies | undefined): boolean {
  return (written?.input?.length ?? 0) + (written?.output?.length ?? 0) > 0;
}

/** Compiles rules and checks them against what they guard. The language is loaded by the first project that has rules. */
export async function compilePolicies(written: WrittenPolicies, guarded: GuardedEndpoint): Promise<CompiledPolicies> {
  if (!hasRules(written)) return { policies: undefined, findings: [] };
  const { compileRules } = await import('./compile-rules.js');
  return compileRules(written, guarded);
}
