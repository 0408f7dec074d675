import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a process holds, as the kernel reports it. Linux only. */
export interface ProcessResources {
  /** Files by path, and sockets, pipes and the like counted by their kind. */
  readonly descriptors: Readonly<Record<string, number>>;
  readonly threads: number;
}

export function resourcesOf(pid: number | 'self'): ProcessResources {
  const descriptors: Record<string, number> = {};
  for (const target of openTargets(pid)) {
    const kind = target.startsWith('/') ? target : target.replace(/:.*/, '');
    descriptors[kind] = (descriptors[kind] ?? 0) + 1;
  }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { descriptors, threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]) };
}

/** How many descriptors lead to a path or to something beside it with a longer name, such as the log of a database. */
export function countOpen(pid: number | 'self', path: string): number {
  return openTargets(pid).filter((target) => target.startsWith(path)).length;
}

function openTargets(pid: number | 'self'): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((descriptor) => {
    try {
      return [readlinkSync(`${folder}/${descriptor}`)];
    } catch {
      // Closed between the look at the folder and at the descriptor: the one of the folder itself always is.
      return [];
    }
  });
}
