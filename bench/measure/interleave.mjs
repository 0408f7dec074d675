/**
 * Measures all variants in every round, A B, then B A, so that a machine that becomes slower affects all variants alike.
 * Returns the samples of each variant in the order of the rounds.
 */
export async function interleave(rounds, variants) {
  const entries = Object.entries(variants);
  const samples = Object.fromEntries(entries.map(([name]) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? entries : entries.toReversed();
    for (const [name, measure] of order) samples[name].push(await measure());
  }
  return samples;
}
