/** Types for a package that is installed only where it is used. */
declare module '@1password/sdk' {
  export function createClient(options: {
    readonly auth: string;
    readonly integrationName: string;
    readonly integrationVersion: string;
  }): Promise<{ readonly secrets: { resolve(reference: string): Promise<string> } }>;
}
