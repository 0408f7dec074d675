import { describe, expect, it } from 'vitest';
import { problemsOf, warningsOf } from '../../kit/projects/endpoint-project.js';
import { EMPLOYEES } from './employee-endpoint.js';

describe('policies with mistakes', () => {
  const problems = (...policies: string[]) =>
    problemsOf('tools/employees.yml', [...EMPLOYEES, '  policies:', ...policies]);
  const warnings = (...policies: string[]) =>
    warningsOf('tools/employees.yml', [...EMPLOYEES, '  policies:', ...policies]);

  it.each<[string, string[], string]>([
    [
      'a name that does not exist',
      ['    input:', '      - condition: user.rol == "admin"', '        action: deny'],
      'tools/employees.yml:22:9: in the condition, "rol" does not exist here; did you mean "role"?',
    ],
    [
      'a name on a line of its own',
      [
        '    input:',
        '      - action: deny',
        '        condition: |',
        '          user.role == "a" ||',
        '            regin == "b"',
      ],
      'tools/employees.yml:25: in the condition, "regin" is not known; did you mean "region"?',
    ],
    [
      'an action that input policies do not have',
      ['    input:', "      - { condition: 'amount > 1', action: filter_fields, fields: [id] }"],
      'tools/employees.yml:22:36: `filter_fields` changes an answer; move the rule to `output`',
    ],
    [
      'fields that are missing',
      ['    output:', '      - { condition: \'user.role == "a"\', action: mask_fields }'],
      'tools/employees.yml:22:9: `mask_fields` needs `fields`',
    ],
    [
      'an unknown key',
      ['    input:', "      - { when: 'amount > 1', action: deny }"],
      'tools/employees.yml:22:11: unknown key `when` in `tool.policies.input[0]`; did you mean `condition`?',
    ],
    [
      'a way to enforce that does not exist',
      ['    enforce: off', '    input:', "      - { condition: 'amount > 1', action: deny }"],
      'to switch a rule off, remove it',
    ],
    [
      'a condition without quotes',
      ['    input:', '      - { condition: true, action: deny }'],
      'write it in quotes: "true"',
    ],
  ])('are refused: %s', async (_what, policies, message) => {
    expect((await problems(...policies)).join('\n')).toContain(message);
  });

  it('are warned of when they cannot have been intended', async () => {
    expect(
      await warnings(
        '    output:',
        '      - { condition: \'user.role == "a"\', action: filter_fields, fields: [salery] }',
      ),
    ).toEqual([
      'tools/employees.yml:22:74: `filter_fields` names "salery", which `return` does not declare; did you mean "salary"?',
    ]);
  });

  it.each([
    [
      'return: { type: string }',
      'filter_fields, fields: [a]',
      '`filter_fields` needs an answer with fields, but `return` is string',
    ],
    [
      'return: { type: array, items: { type: string } }',
      'mask_fields, fields: [a]',
      'but `return` is an array of string values',
    ],
    ['return: { type: object }', 'filter_sensitive_fields', 'nothing in `return` is marked `sensitive: true`'],
    [
      'return: { type: object, properties: { a: { type: string } }, additionalProperties: false }',
      'filter_fields, fields: [b]',
      '`filter_fields` names "b", which `return` does not declare; did you mean "a"?',
    ],
  ])('are refused where the answer is %s', async (returns, action, message) => {
    const found = await problemsOf('tools/a.yml', [
      'mxcp: 1',
      'tool:',
      '  name: a',
      `  ${returns}`,
      '  source: { code: SELECT 1 AS a }',
      `  policies: { output: [{ condition: 'user.role == "a"', action: ${action} }] }`,
    ]);
    expect(found.join('\n')).toContain(message);
  });
});
