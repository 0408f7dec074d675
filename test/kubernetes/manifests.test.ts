import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { repository } from '../contract/docs/doc-blocks.js';
import { validator } from './build-validator.js';

let manifests: string;
beforeEach(() => {
  manifests = mkdtempSync(join(tmpdir(), 'mxcp-manifests-'));
  cpSync(join(repository, 'deploy', 'kubernetes'), manifests, { recursive: true });
});
afterEach(() => rmSync(manifests, { recursive: true, force: true }));

function build(folder: string) {
  return spawnSync(validator, [join(manifests, folder)], { encoding: 'utf8' });
}

function edit(file: string, from: string, to: string): void {
  const path = join(manifests, 'base', file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

describe('the API server of Kubernetes', () => {
  it.each(['base', 'overlays/production'])('accepts every object of %s, and its pods as restricted ones', (folder) => {
    const { status, stderr, stdout } = build(folder);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(parseAllDocuments(stdout).map((document) => String(document.get('kind')))).toEqual([
      'ServiceAccount',
      'Deployment',
      'Service',
      'PodDisruptionBudget',
      'NetworkPolicy',
      'ConfigMap',
    ]);
  });

  it.each([
    ['an unknown field', 'deployment.yaml', 'readinessProbe:', 'readynessProbe:', 'unknown field'],
    [
      'a field of the wrong type',
      'deployment.yaml',
      'terminationGracePeriodSeconds: 45',
      'terminationGracePeriodSeconds: soon',
      'terminationGracePeriodSeconds',
    ],
    ['a value out of range', 'deployment.yaml', 'periodSeconds: 5', 'periodSeconds: -5', 'periodSeconds'],
    ['a port without a number', 'service.yaml', 'port: 9464', 'port: 0', 'spec.ports[1].port'],
    [
      'a volume that is missing',
      'deployment.yaml',
      '- name: tmp\n              mount',
      '- name: temp\n              mount',
      'Not found',
    ],
    ['a container of root', 'deployment.yaml', 'runAsNonRoot: true', 'runAsNonRoot: false', 'restricted pods'],
    ['a capability', 'deployment.yaml', 'drop: [ALL]', 'drop: [CHOWN]', 'restricted pods'],
  ])('refuses %s', (_name, ...[file, from, to, reason]) => {
    edit(file, from, to);
    const { status, stderr } = build('overlays/production');
    expect(stderr).toContain(reason);
    expect(status).toBe(1);
  });
});

describe('the overlay', () => {
  it('sets image, namespace, replicas and size, and lets only labelled pods in', () => {
    const { stdout } = build('overlays/production');
    const objects = new Map(parseAllDocuments(stdout).map((document) => [String(document.get('kind')), document]));
    const deployment = objects.get('Deployment');
    expect(deployment?.getIn(['metadata', 'namespace'])).toBe('mxcp');
    expect(deployment?.getIn(['spec', 'replicas'])).toBe(3);
    const container = ['spec', 'template', 'spec', 'containers', 0];
    expect(deployment?.getIn([...container, 'image'])).toBe('registry.example.com/sales:2026.11.1');
    expect(deployment?.getIn([...container, 'resources', 'limits', 'memory'])).toBe('8Gi');
    // What the base says stays where the overlay says nothing.
    expect(deployment?.getIn([...container, 'resources', 'limits', 'ephemeral-storage'])).toBe('5Gi');
    expect(objects.get('NetworkPolicy')?.toJS()).toMatchObject({
      spec: {
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'mxcp' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { 'mxcp-client': 'true' } } }] }, {}],
      },
    });
  });
});
