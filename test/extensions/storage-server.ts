import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { EngineInstallation } from '../kit/engine-installation.js';

/** What the S3 server needs of the Python Package Index. */
export const STORAGE_PACKAGES = ['moto[server,s3]', 'boto3'];

export interface StorageKeys {
  readonly port: number;
  readonly key: string;
  readonly secret: string;
}

/** Ends with the test. `rotate` replaces the keys. */
export async function startStorage(
  engine: EngineInstallation,
): Promise<{ readonly keys: StorageKeys; readonly rotate: () => Promise<StorageKeys> }> {
  const env = { ...process.env, PYTHONPATH: engine.packages };
  const child = spawn('python3', [join(import.meta.dirname, 'object_storage.py')], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<StorageKeys> => JSON.parse((await lines.next()).value);
  const keys = await next();
  const rotate = (): Promise<StorageKeys> => {
    child.stdin.write('rotate\n');
    return next();
  };
  return { keys, rotate };
}
