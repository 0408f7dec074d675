import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { LoopbackServer, type Reply, type SeenRequest } from '../loopback-server.js';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

interface IssuedKey {
  readonly id: string;
  readonly algorithm: string;
  readonly pair: KeyPair;
}

/** An OpenID Connect provider that gives clients access tokens: it signs whatever it is asked to sign, and can be away. */
export class TokenProviderServer extends LoopbackServer {
  /** What it publishes. The first one signs. */
  keys: IssuedKey[] = [];
  /** By token: what introspection and userinfo say of it. */
  readonly opaque = new Map<string, Readonly<Record<string, unknown>>>();
  readonly clientSecret = 'a-client-secret-of-the-test';
  /** Left out of the metadata. */
  hidden: readonly string[] = [];
  #made = 0;

  get configUrl(): string {
    return `${this.address}/.well-known/openid-configuration`;
  }

  /** A new key signs from now on; the others are still published. */
  async rotate(algorithm = 'ES256'): Promise<IssuedKey> {
    this.#made += 1;
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const key = { id: `key-${this.#made}`, algorithm, pair };
    this.keys.unshift(key);
    return key;
  }

  async sign(
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>> = {},
    key: IssuedKey | undefined = this.keys[0],
  ): Promise<string> {
    if (key === undefined) throw new Error('the provider has no key yet');
    const { id: kid, algorithm: alg, pair } = key;
    return new SignJWT({ ...claims }).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(pair.privateKey);
  }

  protected async reply({ method, path, headers, body }: SeenRequest): Promise<Reply> {
    switch (`${method} ${path}`) {
      case 'GET /.well-known/openid-configuration':
        return { status: 200, body: this.#metadata() };
      case 'GET /keys':
        return { status: 200, body: { keys: await Promise.all(this.keys.map(publicKey)) } };
      case 'POST /introspect':
        return this.#introspect(headers, body);
      case 'GET /userinfo':
        return this.#userinfo(headers);
      default:
        return { status: 404, body: {} };
    }
  }

  /** Forms are no JSON. */
  protected override parseBody(text: string): unknown {
    return new URLSearchParams(text);
  }

  #metadata(): object {
    const metadata = {
      issuer: this.address,
      jwks_uri: `${this.address}/keys`,
      introspection_endpoint: `${this.address}/introspect`,
      userinfo_endpoint: `${this.address}/userinfo`,
    };
    return Object.fromEntries(Object.entries(metadata).filter(([name]) => !this.hidden.includes(name)));
  }

  #introspect(headers: SeenRequest['headers'], body: unknown): Reply {
    const expected = `Basic ${Buffer.from(`mxcp:${this.clientSecret}`).toString('base64')}`;
    if (headers['authorization'] !== expected) return { status: 401, body: { error: 'invalid_client' } };
    const token = body instanceof URLSearchParams ? body.get('token') : null;
    const claims = this.opaque.get(token ?? '');
    return { status: 200, body: claims === undefined ? { active: false } : { active: true, ...claims } };
  }

  #userinfo(headers: SeenRequest['headers']): Reply {
    const claims = this.opaque.get(String(headers['authorization']).replace(/^Bearer /, ''));
    return claims === undefined ? { status: 401, body: {} } : { status: 200, body: claims };
  }
}

async function publicKey({ id: kid, algorithm: alg, pair }: IssuedKey): Promise<object> {
  return { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' };
}
