/*
 * Runs before each test file. A failed property of fast-check prints its seed; MXCP_TEST_SEED repeats the run. fast-check
 * is loaded here only then, because most files do not need it.
 */
const seed = process.env['MXCP_TEST_SEED'];
if (seed !== undefined) (await import('fast-check')).configureGlobal({ seed: Number(seed) });
