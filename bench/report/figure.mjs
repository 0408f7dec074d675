import { ratios, summarize } from '../measure/statistics.mjs';

/** One line of a report: the median and quartiles of all rounds. An `aim` is the largest median that is good enough. */
export function figure(what, unit, samples, { aim } = {}) {
  const summary = summarize(samples);
  const judged = aim === undefined ? {} : { aim, met: summary.median <= aim };
  return { what, unit, ...summary, ...judged };
}

/** The ratio of each round to the baseline of the same round. */
export function ratio(what, measured, baseline, options) {
  return figure(what, '×', ratios(measured, baseline), options);
}

/** A single number that was not measured in rounds, such as a count. */
export function single(what, unit, value, options) {
  return figure(what, unit, [value], options);
}
