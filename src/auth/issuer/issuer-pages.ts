import { createHash } from 'node:crypto';
import type { OAuthClient } from './client-documents.js';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 4rem auto; padding: 0 1.25rem }
h1 { font-size: 1.4rem }
dt { font-weight: 600; margin-top: .75rem }
dd { margin: 0; overflow-wrap: anywhere }
.note { border-left: 4px solid #b45309; padding-left: .75rem }
form { display: flex; gap: .75rem; margin-top: 1.5rem }
button { font: inherit; padding: .5rem 1.25rem; cursor: pointer }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also removes what changes the direction or the appearance of the text around it. */
function escapeHtml(text: string): string {
  const visible = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
  return visible.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** `targets` are where a form may lead: browsers apply that to the redirects after it too. */
function page(title: string, body: string, { status = 200, targets = [] as readonly string[] } = {}): Response {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${targets.length === 0 ? "'none'" : ["'self'", ...targets].join(' ')}`,
  ];
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${body}
</body></html>
`;
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy.join('; '),
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      // Not `no-referrer`, with which browsers would send the form with `Origin: null`.
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    },
  });
}

export interface ConsentQuestion {
  readonly client: OAuthClient;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly resource: string;
  readonly providerTitle: string;
  /** Where the form is sent. */
  readonly action: string;
  /** Ties the form to the browser that was given it. */
  readonly ticket: string;
  /** The sealed request. */
  readonly request: string;
}

/** Asks the person whether the client may act for them, before they are sent to sign in. */
export function consentPage(question: ConsentQuestion): Response {
  const { client, redirectUri, scopes, resource, providerTitle, action, ticket, request } = question;
  const name = client.name === '' ? 'An application without a name' : client.name;
  const rows: readonly (readonly [string, string])[] = [
    ['Application', name],
    ...(typeof client.source === 'object' ? [['Published by', client.source.host] as const] : []),
    ['The answer goes to', targetOf(redirectUri)],
    ['It may use', resource],
    ...(scopes.length === 0 ? [] : [['With these scopes', scopes.join(', ')] as const]),
  ];
  const list = rows.map(([term, value]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(value)}</dd>`).join('\n');
  const body = `<p>${escapeHtml(name)} asks to use this server in your name.</p>
<dl>
${list}
</dl>
${noteOn(client)}<p>If you allow it, you sign in with ${escapeHtml(providerTitle)} next.</p>
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="ticket" value="${escapeHtml(ticket)}">
<input type="hidden" name="request" value="${escapeHtml(request)}">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>`;
  return page('Allow access?', body, { targets: ['https:', ...plainTargets(redirectUri)] });
}

/** A name that the client gave itself proves nothing. */
function noteOn({ source }: OAuthClient): string {
  return source === 'registration'
    ? '<p class="note">The application chose this name itself. Continue only if you have just started it.</p>\n'
    : '';
}

function targetOf(redirectUri: string): string {
  const { protocol, host } = new URL(redirectUri);
  return protocol === 'https:'
    ? host
    : protocol === 'http:'
      ? `${host} (this computer)`
      : `an application for ${protocol}`;
}

/** Providers on the same machine, and the scheme of an installed application. */
function plainTargets(redirectUri: string): readonly string[] {
  const { protocol } = new URL(redirectUri);
  return protocol === 'https:' || protocol === 'http:' ? ['http:'] : ['http:', protocol];
}

/** What a person sees when no client can be given an answer. */
export function errorPage(
  status: number,
  message: string,
  back?: { readonly href: string; readonly to: string },
): Response {
  const link =
    back === undefined
      ? 'Go back to the application and try again.'
      : `Go back to the application that has sent you: <a href="${escapeHtml(back.href)}" rel="noreferrer">${escapeHtml(targetOf(back.to))}</a>`;
  const body = `<p>${escapeHtml(message)}</p>\n<p>${link}</p>`;
  return page('You could not be signed in', body, { status });
}
