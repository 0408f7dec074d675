import { beforeAll, describe, expect, it } from 'vitest';
import type { MetricFamily } from '../../../src/contract/index.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { createShopProject } from '../../kit/projects/shop.js';
import { codesOf, tableUnder } from '../../contract/docs/doc-blocks.js';

const PAGE = 'docs/operations/monitoring.md';
const TABLES = ['The server', 'Calls', 'Reloads', 'DuckDB, disks, Python and secrets', 'The process'];

let families: readonly MetricFamily[];

beforeAll(async () => {
  using project = await createShopProject('readonly');
  await using server = await InProcessServer.start(project, { flags: { envFiles: [project.path('shop.env')] } });
  families = (await server.admin.metrics()).metrics;
});

const documented = TABLES.flatMap((heading) => tableUnder(PAGE, heading));

describe('the tables of metrics', () => {
  it('have exactly the metrics of a scrape, with their types and help', () => {
    const shown = documented.map(([name = '', type, , help]) => [codesOf(name)[0], type, help]);
    expect(shown.toSorted()).toEqual(families.map(({ name, type, help }) => [name, type, help]).toSorted());
  });

  it('name every label', () => {
    for (const { name, samples } of families) {
      const [, , labels = ''] = documented.find(([cell = '']) => codesOf(cell)[0] === name) ?? [];
      const used = new Set(samples.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== 'le'));
      expect([name, codesOf(labels)]).toEqual([name, expect.arrayContaining([...used])]);
    }
  });
});
