import { AdminClient } from '../../dist/admin/client/index.js';
import { connectMcp, callDuring } from './mcp-calls.mjs';
import { say } from './terminal.mjs';

const RELOAD_WAIT_MS = 30_000;

/** Shows on the running server: health, a tool call, a Python analysis, a rotated secret, and a refused reload. */
export async function showTour({ url, workspace }) {
  const admin = new AdminClient({ socketPath: workspace.socket });
  const mcp = await connectMcp(url);
  try {
    await showHealth(admin);
    await showToolCall(mcp);
    await showAnalysis(mcp);
    await showRotation({ admin, mcp, workspace });
    await showRefusal({ admin, mcp, workspace });
  } finally {
    await mcp.close();
  }
}

async function showHealth(admin) {
  say.step(1, 'Is the server healthy?');
  const { status } = await admin.health();
  const { version, uptime, endpoints, mode } = await admin.status();
  say.good('health', status);
  say.fact('version', `${version}, up for ${uptime}, database ${mode}`);
  say.fact('serves', `${endpoints.tools} tools, ${endpoints.resources} resources, ${endpoints.prompts} prompt`);
}

async function showToolCall(mcp) {
  say.step(2, 'A tool call over MCP: strongest_earthquakes, magnitude 6 and above');
  for (const { magnitude, occurred_at: when, place } of await strongest(mcp)) {
    say.fact(`M ${magnitude.toFixed(1)}`, `${when.slice(0, 16).replace('T', ' ')}  ${place}`);
  }
}

async function showAnalysis(mcp) {
  say.step(3, 'An analysis in Python, over the same database: python/seismicity.py');
  const { b_value: b, standard_error: error, earthquakes } = await call(mcp, 'magnitude_distribution', {});
  say.fact('sizes', `b = ${b} ± ${error} (Gutenberg and Richter, ${earthquakes} earthquakes):`);
  say.fact('', `an earthquake of one magnitude more is ${(10 ** b).toFixed(0)} times as rare`);
  const { content } = await mcp.callTool({ name: 'magnitude_chart', arguments: {} });
  const chart = content.find(({ type }) => type === 'image');
  const kilobytes = Buffer.from(chart.data, 'base64').length / 1000;
  say.fact('chart', `${chart.mimeType}, ${kilobytes.toFixed(1)} kB, with the text "${content[0].text.slice(0, 55)}…"`);
  const { result: sequences } = await call(mcp, 'aftershock_sequences', { min_events: 3 }, (progress) =>
    say.fact('progress', `${progress.progress} of ${progress.total}: ${progress.message}`),
  );
  const [{ place, magnitude, earthquakes: members, foreshocks, hours }] = sequences;
  say.fact(
    'largest',
    `${members} earthquakes in ${hours} h around M ${magnitude}, ${place}; ${foreshocks} came before it`,
  );
}

async function showRotation({ admin, mcp, workspace }) {
  say.step(4, 'A reload rotates the token of the feed while calls are running');
  const before = await tokenReference(admin);
  workspace.replace(workspace.token, `not-a-real-token-${process.pid}-${Date.now()}\n`);
  const { result: record, counts } = await callDuring(
    () => admin.reload({ waitMs: RELOAD_WAIT_MS }),
    () => strongest(mcp),
  );
  const after = await tokenReference(admin);
  say.good(
    'reload',
    `${record.status} in ${record.duration_ms} ms, generation ${record.generation.from} → ${record.generation.to}`,
  );
  for (const { ref, outcome } of record.references) say.fact(outcome, ref);
  say.fact('fingerprint', `${before.fingerprint} → ${after.fingerprint}   (the value is never shown)`);
  say.fact('meanwhile', `${counts.answered} calls answered, ${counts.failed} failed`);
  if (counts.failed > 0) throw new Error(`${counts.failed} calls failed during a reload`);
}

export async function showRefusal({ admin, mcp, workspace }) {
  say.step(5, 'A reload of a broken configuration is refused, and nothing changes');
  const good = workspace.read(workspace.config);
  workspace.replace(workspace.config, good.replace('secrets:', 'secrts:'));
  const refusal = await admin.reload({ waitMs: RELOAD_WAIT_MS }).then(
    () => undefined,
    (error) => error,
  );
  const code = refusal?.reload?.error.code;
  // Any other code, such as that of a server that was stopped meanwhile, is not the refusal to show.
  if (code !== 'config_invalid') throw refusal ?? new Error('the broken reload was not refused');
  say.bad('refused', refusal.reload.error.message);
  say.fact('stage', `${refusal.reload.error.stage} (${code})`);
  const { generation, status } = await admin.status();
  say.good(
    'still',
    `${status}, generation ${generation} is active, ${(await strongest(mcp)).length} earthquakes found`,
  );
  workspace.replace(workspace.config, good);
  const fixed = await admin.reload({ waitMs: RELOAD_WAIT_MS });
  say.good('fixed', `next reload: ${fixed.status}`);
}

async function strongest(mcp) {
  const { result } = await call(mcp, 'strongest_earthquakes', { min_magnitude: 6 });
  return result;
}

async function call(mcp, name, parameters, onprogress) {
  const result = await mcp.callTool({ name, arguments: parameters }, onprogress && { onprogress });
  if (result.isError) throw new Error(result.content[0]?.text ?? 'the tool call failed');
  return result.structuredContent;
}

async function tokenReference(admin) {
  const { references } = await admin.config();
  const reference = references.find(({ ref }) => ref.startsWith('file://'));
  if (reference === undefined) throw new Error('the configuration has no file:// reference');
  return reference;
}
