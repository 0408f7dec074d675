type Send = (request: Request) => Promise<Response>;

/** A page as the browser shows it. */
export interface Page {
  readonly url: string;
  readonly response: Response;
  readonly text: string;
}

const MAX_REDIRECTS = 12;

/** The browser of a person: it has cookies, follows redirects and sends forms. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #send: Send;

  constructor(send: Send = (request) => fetch(request)) {
    this.#send = send;
  }

  /** Follows redirects until a page, or an address of which `isEnd` is true: an application would answer that. */
  async visit(url: string, isEnd: (url: string) => boolean = () => false, init: RequestInit = {}): Promise<Page> {
    let at = url;
    let { method, body, headers }: RequestInit = init;
    for (let count = 0; count < MAX_REDIRECTS; count += 1) {
      if (isEnd(at)) return { url: at, response: new Response(null, { status: 204 }), text: '' };
      const cookie = this.#cookiesFor(at);
      const request = new Request(at, {
        ...(method !== undefined && { method }),
        ...(body !== undefined && { body }),
        headers: { accept: 'text/html', ...(headers as Record<string, string>), ...(cookie !== '' && { cookie }) },
        redirect: 'manual',
      });
      const response = await this.#send(request);
      this.#keep(at, response);
      const location = response.headers.get('location');
      if (location === null) return { url: at, response, text: await response.text() };
      await response.body?.cancel();
      at = new URL(location, at).href;
      [method, body, headers] = [undefined, undefined, undefined];
    }
    throw new Error(`too many redirects, the last one to ${at}`);
  }

  /** Sends the form of a page as if the button with this text had been pressed. */
  async press(
    page: Page,
    button: string | RegExp,
    isEnd?: (url: string) => boolean,
    fields: Record<string, string> = {},
  ): Promise<Page> {
    const form = new URLSearchParams(fields);
    for (const [tag] of page.text.matchAll(/<input [^>]*>/g)) {
      const name = attribute(tag, 'name');
      if (name !== undefined && !form.has(name)) form.set(name, attribute(tag, 'value') ?? '');
    }
    for (const [, tag = '', text = ''] of page.text.matchAll(/(<button[^>]*>)([^<]*)<\/button>/g)) {
      const name = attribute(tag, 'name');
      if (name !== undefined && (typeof button === 'string' ? text.trim() === button : button.test(text)))
        form.set(name, attribute(tag, 'value') ?? '');
    }
    const tag = /<form [^>]*>/.exec(page.text)?.[0] ?? '';
    const action = new URL(attribute(tag, 'action') ?? page.url, page.url);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(page.url).origin };
    return this.visit(action.href, isEnd, { method: 'POST', body: form.toString(), headers });
  }

  #cookiesFor(url: string): string {
    const jar = this.#cookies.get(new URL(url).hostname) ?? new Map<string, string>();
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(url: string, { headers }: Response): void {
    const { hostname } = new URL(url);
    const jar = this.#cookies.get(hostname) ?? new Map<string, string>();
    this.#cookies.set(hostname, jar);
    for (const cookie of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '' || /max-age=0/i.test(cookie)) jar.delete(name);
      else jar.set(name, value);
    }
  }
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
