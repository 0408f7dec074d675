import { BarePipe } from '../measure/bare-pipe.mjs';
import { interleave } from '../measure/interleave.mjs';
import { PythonProject } from '../measure/python-project.mjs';
import { quantile } from '../measure/statistics.mjs';
import { figure, ratio } from '../report/figure.mjs';

export const about = 'a call of a Python function compared with a bare pipe that echoes the same JSON';

const CLIENTS = [1, 4, 16];
/** The allowed cost of a thread or task, the identity of the caller, cancellation and a size limit for the result. */
const TIME_AIM = 3;
const VALUE = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`field_${index}`, `value ${index}`]));

export async function run({ quick }) {
  const bare = new BarePipe();
  const project = await PythonProject.start();
  try {
    const sides = {
      bare: () => bare.call(VALUE),
      sync: () => project.call('echo', VALUE),
      async: () => project.call('echo_later', VALUE),
      database: () => project.call('ask', 7),
    };
    const figures = [];
    for (const clients of quick ? [1] : CLIENTS) figures.push(...(await measure(sides, clients, quick)));
    return figures;
  } finally {
    await project.stop();
    await bare.stop();
  }
}

async function measure(sides, clients, quick) {
  const seconds = quick ? 0.2 : 1;
  const loads = {};
  for (const [name, call] of Object.entries(sides)) {
    await keepCalling(call, clients, seconds); // warm-up
    loads[name] = () => keepCalling(call, clients, seconds);
  }
  const samples = await interleave(quick ? 1 : 7, loads);
  return Object.keys(sides).flatMap((name) => toFigures(name, clients, samples));
}

/** Runs `clients` calls at a time. Returns microseconds: elapsed time per call, and the median latency. */
async function keepCalling(call, clients, seconds) {
  const latencies = [];
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let sentAt = performance.now(); sentAt < endAt; sentAt = performance.now()) {
        await call();
        latencies.push(performance.now() - sentAt);
      }
    }),
  );
  const perCallUs = ((performance.now() - startedAt) * 1000) / latencies.length;
  return {
    perCallUs,
    p50Us:
      quantile(
        latencies.sort((a, b) => a - b),
        0.5,
      ) * 1000,
  };
}

function toFigures(name, clients, samples) {
  const what = `${name}, ${clients} client${clients === 1 ? '' : 's'}`;
  const of = (side, key) => samples[side].map((sample) => sample[key]);
  const own = [
    figure(`${what}: time per call`, 'µs', of(name, 'perCallUs')),
    figure(`${what}: p50`, 'µs', of(name, 'p50Us')),
  ];
  if (name === 'bare') return own;
  // Only with one client: with several, the bare pipe answers whole batches of lines in one turn of its process.
  const aim = name === 'database' || clients > 1 ? {} : { aim: TIME_AIM };
  return [...own, ratio(`${what}: time per call to bare`, of(name, 'perCallUs'), of('bare', 'perCallUs'), aim)];
}
