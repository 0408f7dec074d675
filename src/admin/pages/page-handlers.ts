import { openApiDocument, type StatusRecord } from '../../contract/index.js';
import { version } from '../../version/index.js';
import { type Html, html, pageHeaders, toPage } from './html.js';

/** What these routes need of a request. */
interface Asked {
  /** The first value of a header, by its lower-case name. */
  readonly header: (name: string) => string | undefined;
}

/** The routes that also answer with a page for browsers. */
export function createPageHandlers(showStatus: () => Promise<StatusRecord>) {
  return {
    getIndex: async ({ header }: Asked) => {
      // Browsers name the types that they show. Programs such as `curl` accept everything, and get the JSON.
      if (!/(?:^|,)\s*text\/html\b/.test(header('accept') ?? '')) return ok(INDEX);
      return page(toStatusPage(await showStatus()));
    },
    getDocs: async ({ header }: Asked) => {
      if (header('accept')?.startsWith('application/json') === true) return ok(openApiDocument());
      // Loaded only here: few ask for it.
      const { toApiPage } = await import('./api-page.js');
      return page(toApiPage());
    },
  };
}

const INDEX = { service: 'mxcp-admin', version, docs: '/docs', openapi: '/openapi.json' } as const;

function ok<B>(body: B) {
  return { status: 200, body } as const;
}

/** Its own policy replaces that of the JSON answers, which allows no style. */
function page(text: string) {
  return { status: 200, body: text, headers: pageHeaders() } as const;
}

const LINKS = ['/status', '/config', '/endpoints', '/reloads', '/readyz', '/docs', '/openapi.json'] as const;

/** What a browser shows at `/`: how the server is, and where to read and do more. */
function toStatusPage(status: StatusRecord): string {
  const { endpoints, reload, calls, adminSocket } = status;
  const failing = status.checks.filter((check) => check.status === 'fail');
  const rows: readonly (readonly [name: string, value: string])[] = [
    ['version', status.version],
    ['uptime', `${status.uptime} (pid ${status.pid})`],
    ['profile', status.profile ?? 'not known yet'],
    ['database', status.mode ?? 'not open yet'],
    ['generation', String(status.generation)],
    ['endpoints', `${endpoints.tools} tools, ${endpoints.resources} resources, ${endpoints.prompts} prompts`],
    ['calls', `${reload.activeRequests} running, ${calls.total} ended, ${calls.error} with an error`],
    ['last reload', lastReload(reload)],
  ];
  const body = html`<h1>mxcp: <span class="${status.status === 'ok' ? 'ok' : 'fail'}">${status.status}</span></h1>
${failing.map(({ name, message }) => html`<p class="fail">${name}: ${message}</p>`)}
<table>
${rows.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}
</table>
<h2>Read</h2>
<p>${links()}</p>
<h2>Do</h2>
<pre>${commands(adminSocket.path)}</pre>
<p class="quiet">This page is a moment, not a live view: load it again, or use <code>mxcp admin status</code>.</p>`;
  return toPage(`mxcp ${status.status}`, body);
}

function lastReload({ lastReload: at, lastReloadStatus, lastReloadError }: StatusRecord['reload']): string {
  if (at === null) return 'none since the start';
  const outcome = `${lastReloadStatus} at ${at.toISOString()}`;
  return lastReloadError === null ? outcome : `${outcome}: ${lastReloadError}`;
}

function links(): readonly Html[] {
  return LINKS.map((path) => html`<a href="${path}">${path}</a>`);
}

function commands(socketPath: string): string {
  const socket = `'${socketPath.replaceAll("'", `'\\''`)}'`;
  return [
    `curl --unix-socket ${socket} http://localhost/status`,
    `curl --unix-socket ${socket} -X POST 'http://localhost/reload?wait=30s'`,
    `mxcp admin reload --dry-run --socket ${socket}`,
  ].join('\n');
}
