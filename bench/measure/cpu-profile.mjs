import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs a suite and, if `wanted`, makes its servers write a CPU profile when they end and reads the profiles. Profiling slows
 * the servers down.
 */
export async function withProfiles(wanted, runSuite) {
  if (!wanted) return { figures: await runSuite([]), profiles: [] };
  const folder = mkdtempSync(join(tmpdir(), 'mxcp-bench-profile-'));
  try {
    const figures = await runSuite(['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', folder]);
    return { figures, profiles: readdirSync(folder).map((name) => readProfile(join(folder, name))) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of self time by place (a package, a folder of mxcp, Node) and by function. */
function readProfile(path) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, 'utf8'));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const places = new Map();
  const functions = new Map();
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    const ms = timeDeltas[index] / 1000;
    const place = placeOf(frame);
    if (place === 'idle') return;
    add(places, place, ms);
    add(functions, `${place} ${frame.functionName || '(top of a file)'} :${frame.lineNumber + 1}`, ms);
  });
  return { places: descending(places), functions: descending(functions) };
}

function placeOf({ url, functionName }) {
  if (functionName === '(idle)') return 'idle';
  if (url === '') return functionName === '(program)' ? 'native code' : functionName || 'Node';
  // An installed package, or a package in a file of its own in the bundle.
  const [, installed] = /.*\/(?:node_modules|command\/packages)\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (installed !== undefined) return installed;
  const [, ours] = /\/(?:dist|src)\/([^/]+(?:\/[^/]+)?)/.exec(url) ?? [];
  return ours === undefined ? url.replace(/^node:internal\/([^/]+).*/, 'node:internal/$1') : `mxcp ${ours}`;
}

function add(totals, key, ms) {
  totals.set(key, (totals.get(key) ?? 0) + ms);
}

function descending(totals) {
  return [...totals].sort(([, a], [, b]) => b - a);
}
