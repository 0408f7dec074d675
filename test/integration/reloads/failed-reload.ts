import { AdminApiError, type AdminClient, type ReloadRecord } from '../../../src/admin/client/index.js';

export interface FailedReload {
  readonly status: number;
  readonly record: ReloadRecord;
  readonly message: string;
}

/** What is answered to a reload that must fail. Throws when it succeeds. */
export async function failedReload(
  { admin }: { readonly admin: AdminClient },
  options: { readonly definitions?: boolean; readonly dryRun?: boolean } = {},
): Promise<FailedReload> {
  try {
    await admin.reload({ waitMs: 20_000, ...options });
  } catch (error) {
    if (!(error instanceof AdminApiError)) throw error;
    // The contract says that the record is there; what it holds is what is tested.
    const { reload } = error.body as { readonly reload: ReloadRecord };
    return { status: error.status, record: reload, message: error.message };
  }
  throw new Error('this reload was expected to fail');
}
