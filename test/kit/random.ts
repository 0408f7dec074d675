/** The seed of all random choices of this process: that of a failed run, to repeat its choices, or a new one. */
const SEED = Number(process.env['MXCP_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Numbers between 0 and 1 that depend only on the seed, which it prints (mulberry32). */
export function seededRandom(): () => number {
  console.info(`random choices: repeat them with MXCP_TEST_SEED=${SEED}`);
  let state = SEED;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
