export type CompiledPattern =
  | { readonly expression: RegExp; readonly error?: undefined }
  | { readonly expression?: undefined; readonly error: string };

/**
 * Compiles a `pattern` of a definition. Unicode mode first, as JSON Schema has it; patterns that only the older syntax
 * knows (`\-` outside a class, common in files written for Python) are compiled as that. Patterns run on the event loop
 * with backtracking: they come from the project's author, who is trusted with SQL as well.
 */
export function compilePattern(pattern: string): CompiledPattern {
  try {
    return { expression: new RegExp(pattern, 'u') };
  } catch {
    // Tried again below; the error of the plain syntax is the one worth showing.
  }
  try {
    return { expression: new RegExp(pattern) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
