/** The value below which this share of the samples lies. `sorted` must be in ascending order. */
export function quantile(sorted, share) {
  if (sorted.length === 0) throw new Error('a quantile needs at least one sample');
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  return below + (sorted[Math.ceil(position)] - below) * (position - Math.floor(position));
}

/** Median, and the quartiles as the spread: outliers of a busy machine move neither. */
export function summarize(samples) {
  const sorted = Float64Array.from(samples).sort();
  return {
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
    samples: sorted.length,
  };
}

/** Ratio of each round: what slows the machine down in one round slows both sides. */
export function ratios(measured, baseline) {
  return measured.map((value, round) => value / baseline[round]);
}
