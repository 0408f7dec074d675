import { describe, expect, it } from 'vitest';
import { RequestGuard } from '../../../src/http/index.js';

interface Row {
  readonly bound: string;
  readonly hosts?: readonly string[];
  readonly origins?: readonly string[];
  readonly host?: string;
  readonly origin?: string;
  readonly allowed: boolean;
}

const ROWS: readonly Row[] = [
  { bound: 'localhost', host: 'localhost:8000', allowed: true },
  { bound: '127.0.0.1', host: '127.0.0.1:8000', allowed: true },
  { bound: '127.0.0.1', host: '127.8.9.1', allowed: true },
  { bound: '::1', host: '[::1]:8000', allowed: true },
  { bound: 'localhost', host: 'LOCALHOST:1', allowed: true },
  { bound: 'localhost', host: 'evil.example', allowed: false },
  { bound: 'localhost', host: 'localhost.evil.example', allowed: false },
  { bound: 'localhost', host: '127.0.0.1.evil.example', allowed: false },
  { bound: 'localhost', host: 'evil.example@localhost', allowed: false },
  { bound: 'localhost', host: 'localhost:8000:9', allowed: false },
  { bound: 'localhost', host: '', allowed: false },
  { bound: 'localhost', allowed: false },
  { bound: 'localhost', hosts: ['mcp.example'], host: 'mcp.example', allowed: true },
  { bound: '0.0.0.0', host: 'anything.example:80', allowed: true },
  { bound: '0.0.0.0', hosts: ['mcp.example'], host: 'MCP.example:443', allowed: true },
  { bound: '0.0.0.0', hosts: ['mcp.example:8000'], host: 'mcp.example:8000', allowed: true },
  { bound: '0.0.0.0', hosts: ['mcp.example:8000'], host: 'mcp.example:9', allowed: false },
  { bound: '0.0.0.0', hosts: ['mcp.example'], host: 'other.example', allowed: false },
  { bound: '0.0.0.0', hosts: ['mcp.example'], host: 'localhost:8000', allowed: true },
  { bound: 'localhost', host: 'localhost', origin: 'http://localhost:3000', allowed: true },
  { bound: 'localhost', host: 'localhost', origin: 'http://[::1]:3000', allowed: true },
  { bound: 'localhost', host: 'localhost', origin: 'https://evil.example', allowed: false },
  { bound: 'localhost', host: 'localhost', origin: 'http://localhost.evil.example', allowed: false },
  { bound: 'localhost', host: 'localhost', origin: 'null', allowed: false },
  { bound: 'localhost', host: 'localhost', origin: '', allowed: false },
  {
    bound: 'localhost',
    host: 'localhost',
    origin: 'https://App.example',
    origins: ['https://app.example/'],
    allowed: true,
  },
  { bound: '0.0.0.0', host: 'mcp.example', origin: 'http://mcp.example', allowed: false },
  { bound: '0.0.0.0', host: 'mcp.example', origin: 'http://localhost:3000', allowed: false },
  { bound: '0.0.0.0', host: 'localhost:8000', origin: 'http://localhost:3000', allowed: true },
];

describe('the guard of the MCP port', () => {
  it.each(ROWS)('bound to $bound: Host $host, Origin $origin, allowed: $allowed', (row) => {
    const { bound, hosts = [], origins = [], host, origin, allowed } = row;
    const guard = new RequestGuard({ host: bound, allowedHosts: hosts, allowedOrigins: origins });
    expect(guard.refusalOf({ host, origin }) === undefined).toBe(allowed);
  });
});
