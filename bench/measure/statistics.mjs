/** The quantile of the samples. `sorted` must be in ascending order. */
export function quantile(sorted, share) {
  if (sorted.length === 0) throw new Error('a quantile needs at least one sample');
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  return below + (sorted[Math.ceil(position)] - below) * (position - Math.floor(position));
}

/** The median and quartiles, which outliers of a busy machine do not change. */
export function summarize(samples) {
  const sorted = Float64Array.from(samples).sort();
  return {
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
    samples: sorted.length,
  };
}

/** The ratio of each round, because a slow machine affects both sides of a round. */
export function ratios(measured, baseline) {
  return measured.map((value, round) => value / baseline[round]);
}
