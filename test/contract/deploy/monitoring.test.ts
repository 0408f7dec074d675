import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { codesOf, docFiles, readPage, repository, tableUnder } from '../docs/doc-blocks.js';

const PAGE = 'docs/operations/monitoring.md';
/** An integration test compares these tables with a real scrape. */
const TABLES = ['The server', 'Calls', 'Reloads', 'DuckDB, disks, Python and secrets', 'The process'];

interface Metric {
  readonly type: string;
  readonly labels: readonly string[];
}

const METRICS: ReadonlyMap<string, Metric> = new Map(
  TABLES.flatMap((heading) => tableUnder(PAGE, heading)).map(([name = '', type = '', labels = '']) => {
    return [codesOf(name)[0] ?? '', { type, labels: codesOf(labels) }];
  }),
);
const LABELS = new Set([...METRICS.values()].flatMap(({ labels }) => labels));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

interface RuleTests {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts?: readonly unknown[] }[];
  }[];
}

/** These files are ours. */
function deployed<T>(path: string): T {
  const text = readFileSync(join(repository, 'deploy', path), 'utf8');
  return (path.endsWith('.json') ? JSON.parse(text) : parse(text)) as T;
}

const RULES = deployed<{ readonly groups: readonly { readonly rules: readonly Rule[] }[] }>(
  'prometheus/mxcp.rules.yml',
).groups.flatMap(({ rules }) => rules);
const TESTS = deployed<RuleTests>('prometheus/mxcp.rules.test.yml');

/** What is wrong with the metrics and labels that an expression names. */
function mistakesIn(expression: string): readonly string[] {
  const found = [...expression.matchAll(/\b((?:mxcp|mcp|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)];
  const selectors = found.filter(([, name = '']) => !LABELS.has(name));
  if (selectors.length === 0 && !/\bup\b/.test(expression)) return [`no metric in ${expression}`];
  return selectors.flatMap(([, name = '', labels = '']) => {
    const metric = METRICS.get(name) ?? METRICS.get(name.replace(/_(?:bucket|sum|count)$/, ''));
    if (metric === undefined) return [`no metric ${name}`];
    const isHistogram = metric.type === 'histogram';
    if (isHistogram !== /_(?:bucket|sum|count)$/.test(name)) return [`${name} is not a series`];
    const known = [...metric.labels, 'job', 'instance', ...(name.endsWith('_bucket') ? ['le'] : [])];
    const used = [...labels.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label);
    return used.filter((label) => !known.includes(label)).map((label) => `${name} has no label ${label}`);
  });
}

describe('the alerts', () => {
  it.each(RULES)('$alert uses what a server exports', ({ expr, annotations }) => {
    expect(mistakesIn(expr)).toEqual([]);
    const shown = `${annotations.summary} ${annotations.description}`;
    for (const [, label] of shown.matchAll(/\$labels\.(\w+)/g)) expect([...LABELS, 'instance', 'job']).toContain(label);
  });

  it.each(RULES)('$alert leads to a section that says what to do', ({ alert, annotations }) => {
    expect(annotations.runbook).toBe(`${PAGE}#${alert.toLowerCase()}`);
    expect(readPage(PAGE)).toContain(`\n### ${alert}\n\n`);
  });

  it('are the ones that the page has, and no others', () => {
    const shown = [...readPage(PAGE).matchAll(/^### (Mxcp\w+)$/gm)].map(([, name]) => name);
    expect(shown.toSorted()).toEqual(RULES.map(({ alert }) => alert).toSorted());
  });

  it('are each tested, with series of real metrics: they fire when they should, and not for a healthy server', () => {
    const all = RULES.map(({ alert }) => alert).toSorted();
    const cases = TESTS.tests.flatMap(({ alert_rule_test: tests }) => tests);
    const firing = cases.filter(({ exp_alerts: expected }) => expected !== undefined);
    expect(firing.map(({ alertname }) => alertname).toSorted()).toEqual(all);
    const silent = cases.filter(({ exp_alerts: expected }) => expected === undefined);
    expect(silent.map(({ alertname }) => alertname)).toEqual(expect.arrayContaining(all));
    const series = TESTS.tests.flatMap(({ input_series: input }) => input.map((each) => each.series));
    expect(series.flatMap(mistakesIn)).toEqual([]);
  });

  it('are loaded by the configuration of Prometheus and by their tests', () => {
    expect(deployed('prometheus/prometheus.yml')).toMatchObject({ rule_files: ['mxcp.rules.yml'] });
    expect(TESTS.rule_files).toEqual(['mxcp.rules.yml']);
  });
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

describe('the dashboard', () => {
  const dashboard = deployed<{
    readonly panels: readonly Panel[];
    readonly templating: { readonly list: readonly { readonly definition?: string }[] };
    readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  }>('grafana/mxcp.json');
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

  it.each(panels)('$title uses what a server exports', ({ targets = [] }) => {
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.flatMap(({ expr }) => mistakesIn(expr))).toEqual([]);
    for (const [, label] of targets.flatMap(({ legendFormat }) => [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)]))
      expect([...LABELS, 'instance', 'job']).toContain(label);
  });

  it('has variables and marks that use what a server exports', () => {
    const definitions = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
    const marks = dashboard.annotations.list.map(({ expr }) => expr);
    expect([...definitions, ...marks].flatMap(mistakesIn)).toEqual([]);
  });

  it('gives every panel a number of its own', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

it('the documentation names only metrics that exist', () => {
  const named = docFiles().flatMap((file) =>
    [...readPage(file).matchAll(/`((?:mxcp|mcp|process|nodejs)_[a-z0-9_]+)`/g)].map(([, name = '']) => name),
  );
  // The last is a source of references.
  const known = new Set([...METRICS.keys(), ...LABELS, 'process_env']);
  const unknown = named.filter((name) => !known.has(name));
  expect(unknown).toEqual([]);
});
