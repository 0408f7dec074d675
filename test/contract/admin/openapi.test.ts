import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../../src/contract/index.js';
import { ROUTES, type RouteContract } from '../../../src/contract/index.js';

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { description: string; headers?: object }>>;
}

// The document is ours; the test names the part of its shape that it looks at.
const document = openApiDocument() as unknown as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(openApiDocument()));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('has every route with every status of the table, and nothing else', () => {
    const inDocument = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => [
        operation.operationId,
        method.toUpperCase(),
        path,
        Object.keys(operation.responses),
      ]),
    );
    const inTable = Object.entries<RouteContract>(ROUTES).map(([name, route]) => [
      name,
      route.method,
      route.path,
      Object.keys(route.responses),
    ]);
    expect(inDocument).toEqual(inTable);
  });

  it('lists the routes of this version', () => {
    expect(
      Object.entries(document.paths).flatMap(([path, operations]) =>
        Object.keys(operations).map((method) => `${method} ${path}`),
      ),
    ).toEqual([
      'get /',
      'get /health',
      'get /livez',
      'get /readyz',
      'get /startupz',
      'get /status',
      'get /metrics',
      'get /config',
      'get /endpoints',
      'post /reload',
      'get /reloads',
      'get /reloads/{id}',
      'delete /reloads/{id}',
      'post /drain',
      'post /resume',
      'post /run',
      'post /query',
      'post /validate',
      'get /logs',
      'get /system/info',
      'get /system/cpu',
      'get /system/memory',
      'get /system/disk',
      'get /system/network',
      'get /system/process',
      'get /audit/query',
      'get /audit/stats',
      'get /auth/sessions',
      'delete /auth/sessions',
      'delete /auth/sessions/{id}',
      'get /loglevel',
      'put /loglevel',
      'get /events',
      'get /trace',
      'get /docs',
      'get /openapi.json',
    ]);
  });

  it('documents the options of a reload, its statuses and their codes', () => {
    const reload = document.paths['/reload']?.['post'];
    expect(reload?.parameters.map(({ name }) => name)).toEqual(['wait', 'dry_run', 'definitions', 'force', 'If-Match']);
    expect(Object.keys(reload?.responses ?? {})).toEqual([
      '200',
      '202',
      '400',
      '403',
      '405',
      '408',
      '412',
      '413',
      '429',
      '431',
      '500',
      '503',
      '504',
    ]);
    expect(reload?.responses['503']?.description).toContain('`server_closing`');
    expect(reload?.responses['503']?.headers).toHaveProperty('Retry-After');
    expect(reload?.responses['202']?.headers).toHaveProperty('Location');
    expect(reload?.responses['405']?.headers).toHaveProperty('Allow');
    expect(document.paths['/reloads/{id}']?.['get']?.parameters).toMatchObject([{ name: 'id', in: 'path' }]);
  });

  it('says of each route whether it is stable', () => {
    const stability = (path: string): unknown => Object.values(document.paths[path] ?? {})[0];
    expect(stability('/status')).toMatchObject({ 'x-stability': 'stable' });
    expect(stability('/query')).toMatchObject({ 'x-stability': 'experimental' });
  });

  it('documents the events, their options and the header that continues them', () => {
    const events = document.paths['/events']?.['get'];
    expect(events?.parameters.map(({ name, in: place }) => [name, place])).toEqual([
      ['types', 'query'],
      ['Last-Event-ID', 'header'],
    ]);
    expect(events?.responses['200']).toHaveProperty(['content', 'text/event-stream']);
    expect(events?.responses['503']?.description).toContain('`too_many_streams`');
    for (const name of ['ReloadEnded', 'CallFailed', 'StreamGap'])
      expect(document.components.schemas).toHaveProperty([name, 'properties', 'at']);
  });

  it('has no reference that leads nowhere', () => {
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
    for (const [, name] of references) expect(document.components.schemas).toHaveProperty(name ?? '');
  });
});
