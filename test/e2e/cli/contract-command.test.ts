import { describe, expect, it } from 'vitest';
import { createProject } from '../../kit/projects/temporary-project.js';
import { runMxcp } from './mxcp-process.js';

const tool = (parameters: string) => [
  'tool:',
  '  name: sales',
  '  description: Sums the sales of a region.',
  `  parameters: [${parameters}]`,
  '  source: { code: SELECT 1 AS n }',
];
const REGION = '{ name: region, type: string }';

function createSales(parameters = REGION) {
  const project = createProject({ 'tools/sales.yml': tool(parameters) });
  const contract = (...args: readonly string[]) => runMxcp(['contract', ...args], { cwd: project.root });
  return { project, contract };
}

describe('mxcp contract', () => {
  it('reads another contract from standard input and prints JSON', async () => {
    const { project, contract } = createSales();
    const { stdout: input } = await contract('-o', '-');
    project.write('tools/sales.yml', tool(REGION.replace('string', 'string, maxLength: 5')));
    const args = ['contract', '--check', '-o', '-', '--json'];
    const { code, stdout } = await runMxcp(args, { cwd: project.root, input });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      status: 'error',
      result: {
        status: 'error',
        path: null,
        breaking: 1,
        compatible: 0,
        changes: [
          {
            severity: 'breaking',
            kind: 'tool',
            name: 'sales',
            code: 'maxLength',
            location: 'parameters.region',
            message: 'parameter "region" has `maxLength` 5 now; calls that were valid may be refused',
          },
        ],
      },
    });
  });

  it('exits with 2 without a contract to compare with', async () => {
    const { contract } = createSales();
    const { code, stdout } = await contract('--check', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([2, expect.objectContaining({ code: 'contract_invalid' })]);
  });
});
