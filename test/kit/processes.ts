import { readdirSync, readFileSync } from 'node:fs';

interface ProcessStatus {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** In its own code, in hundredths of a second. */
  readonly busy: number;
}

/** Whether the process runs; one that only waits to be collected does not. Linux only. */
export function isRunning(pid: number): boolean {
  const status = statusOf(pid);
  return status !== undefined && status.state !== 'Z' && status.state !== 'X';
}

/** For how many hundredths of a second a process has run code of its own, on all threads; 0 when it has ended. */
export function busyTimeOf(pid: number): number {
  return statusOf(pid)?.busy ?? 0;
}

/** Processes that this one has started and that run. */
export function runningChildren(pid: number = process.pid): readonly number[] {
  return allProcesses().filter((each) => statusOf(each)?.parent === pid && isRunning(each));
}

/** Everything that a process has started, with what that has started. */
export function runningDescendants(pid: number): readonly number[] {
  return runningChildren(pid).flatMap((child) => [child, ...runningDescendants(child)]);
}

/** Everything that runs in a process group, whatever its parent is by now. */
export function runningGroup(group: number): readonly number[] {
  return allProcesses().filter((each) => statusOf(each)?.group === group && isRunning(each));
}

function allProcesses(): readonly number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function statusOf(pid: number): ProcessStatus | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program may hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = '', parent, group] = fields;
    return { state, parent: Number(parent), group: Number(group), busy: Number(fields[11]) };
  } catch {
    // It has ended since the folder was read.
    return undefined;
  }
}

/**
 * For how many milliseconds the main thread of a process has run. A call cannot hold up the event loop for longer than that, however
 * busy the machine is. Linux only.
 */
export function mainThreadTimeOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1_000_000;
}

/** Memory that a process has in use, in MiB. Linux only. */
export function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
