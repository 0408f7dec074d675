const SHOWN = 20;

/** Prints where each server of a suite spent its CPU time, in the order in which the servers ended. */
export function printProfile(profiles, output) {
  for (const { places, functions } of profiles) {
    const total = places.reduce((sum, [, ms]) => sum + ms, 0);
    output.write(`\n  profile of one server, ${total.toFixed(0)} ms on the main thread\n`);
    for (const list of [places, functions]) {
      for (const [name, ms] of list.slice(0, SHOWN)) output.write(`  ${ms.toFixed(1).padStart(9)} ms  ${name}\n`);
      output.write('\n');
    }
  }
}
