/** What policies know of a declared type: the part of an endpoint's `TypeDefinition` that they read. */
export interface DeclaredType {
  readonly type: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
  readonly enum?: readonly unknown[] | undefined;
  readonly items?: DeclaredType | undefined;
  readonly properties?: Readonly<Record<string, DeclaredType>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | undefined;
  readonly sensitive?: boolean | undefined;
}

export function hasSensitive({ sensitive, items, properties = {} }: DeclaredType): boolean {
  if (sensitive === true || (items !== undefined && hasSensitive(items))) return true;
  return Object.values(properties).some(hasSensitive);
}
