import { createHash } from 'node:crypto';

/** Text that is safe inside an HTML element or attribute. Only `html` makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Html[];

/** A template of HTML: every value in it is escaped unless it is HTML already. */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const shown = parts.map((part, index) => toText(part) + (template[index + 1] ?? ''));
  return new Html((template[0] ?? '') + shown.join(''));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function toText(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('\n');
  return String(part).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** The text of a documentation line, in which code is between backticks. */
export function prose(text: string): Html {
  const parts = text.split('`').map((part, index) => (index % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
  return new Html(parts.map((part) => part.text).join(''));
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem } h3 { font-size: 1rem; margin-top: 1.5rem }
code, pre { font: 14px/1.5 ui-monospace, monospace; background: #f2f4f7; border-radius: 4px }
code { padding: 0 .25rem } pre { padding: .75rem; overflow-x: auto }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #dde2ea }
.fail { color: #b3261e } .quiet { color: #5b6675 }
@media (prefers-color-scheme: dark) {
  body { color: #e3e7ee; background: #14181f } code, pre { background: #222833 } th, td { border-color: #353d4a }
  a { color: #8ab4ff } .fail { color: #ff8a80 } .quiet { color: #9aa5b5 }
}
`;

let headers: Readonly<Record<string, string>> | undefined;

/** By the policy, nothing is loaded, run, sent or framed, and only this one style applies. */
export function pageHeaders(): Readonly<Record<string, string>> {
  if (headers !== undefined) return headers;
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const closed = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; ${closed}`;
  headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy };
  return headers;
}

export function toPage(title: string, body: Html): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return page.text;
}
