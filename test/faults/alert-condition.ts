import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { repository } from '../contract/docs/doc-blocks.js';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** The condition of an alert of the rules that are shipped. */
export function conditionOf(alert: string): string {
  const text = readFileSync(join(repository, 'deploy/prometheus/mxcp.rules.yml'), 'utf8');
  // The file is ours, and Prometheus' own tools check it.
  const { groups } = parseYaml(text) as { groups: readonly { rules: readonly { alert: string; expr: string }[] }[] };
  const rule = groups.flatMap(({ rules }) => rules).find((each) => each.alert === alert);
  if (rule === undefined) throw new Error(`no alert "${alert}" is shipped`);
  return rule.expr;
}

const CONDITION =
  /^(?:increase\((?<counter>[^[]+)\[\w+\]\)|(?<left>\S+)(?: \/ (?<right>\S+))?) (?<operator>==|<|>) (?<bound>[\d.]+)$/;

/**
 * Whether a condition holds for these samples: a selector, the quotient of two, or the increase of a counter, compared with a number.
 * A counter of a server that has just started has increased by its value.
 */
export function holds(condition: string, samples: readonly Sample[]): boolean {
  const { counter, left, right, operator, bound } = CONDITION.exec(condition)?.groups ?? {};
  const selector = counter ?? left;
  if (selector === undefined) throw new Error(`a condition of another form: ${condition}`);
  return select(selector, samples).some((sample) => {
    const divisor =
      right === undefined ? 1 : Number(select(right, samples).find((each) => haveSameLabels(each, sample))?.value);
    const value = Number(sample.value) / divisor;
    return operator === '=='
      ? value === Number(bound)
      : operator === '<'
        ? value < Number(bound)
        : value > Number(bound);
  });
}

function select(selector: string, samples: readonly Sample[]): readonly Sample[] {
  const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(selector) ?? [];
  const matchers = [...labels.matchAll(/(\w+)(=~|=)"([^"]*)"/g)]
    // The scraper adds it.
    .filter(([, label]) => label !== 'job')
    .map(([, label = '', operator, text = '']) => ({ label, pattern: operator === '=' ? quote(text) : text }));
  return samples.filter(
    (sample) =>
      sample.name === name &&
      matchers.every(({ label, pattern }) => new RegExp(`^(?:${pattern})$`).test(String(sample.labels[label]))),
  );
}

function quote(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function haveSameLabels(a: Sample, b: Sample): boolean {
  return JSON.stringify(a.labels) === JSON.stringify(b.labels);
}
