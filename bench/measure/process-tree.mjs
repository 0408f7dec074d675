import { readdirSync, readFileSync } from 'node:fs';

/** `/proc` counts in hundredths of a second on all Linux systems. */
const MS_PER_TICK = 10;

/** CPU time and resident memory of a process and all its descendants, ended children included. */
export function measureTree(pid) {
  const processes = pidsOf(pid).map(measureProcess);
  const sum = (key) => processes.reduce((total, each) => total + each[key], 0);
  return { cpuMs: sum('cpuMs'), rssMib: sum('rssMib'), processes: processes.length };
}

function pidsOf(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readProc(`${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(pidsOf)];
}

function measureProcess(pid) {
  // The name is in parentheses and may contain spaces; the numbers follow it.
  const fields = readProc(`${pid}/stat`).split(') ').at(-1).split(' ');
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  const rssKib = Number(/^VmRSS:\s+(\d+)/m.exec(readProc(`${pid}/status`))?.[1] ?? 0);
  return { cpuMs: ticks * MS_PER_TICK, rssMib: rssKib / 1024 };
}

function readProc(path) {
  return readFileSync(`/proc/${path}`, 'utf8');
}
