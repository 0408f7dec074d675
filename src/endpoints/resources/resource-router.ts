import { UriTemplate } from './uri-template.js';

export interface ResourceMatch<T> {
  readonly resource: T;
  /** Values of the URI's placeholders, decoded. */
  readonly values: Readonly<Record<string, string>>;
}

/** Finds the resource that a URI names: one without placeholders first, then the most specific template. */
export class ResourceRouter<T> {
  readonly #exact = new Map<string, T>();
  readonly #templates: { readonly template: UriTemplate; readonly resource: T }[] = [];

  constructor(resources: Iterable<readonly [uri: string, resource: T]>) {
    for (const [uri, resource] of resources) {
      const template = new UriTemplate(uri);
      if (template.isTemplate) this.#templates.push({ template, resource });
      else this.#exact.set(uri, resource);
    }
    this.#templates.sort((a, b) => UriTemplate.bySpecificity(a.template, b.template));
  }

  find(uri: string): ResourceMatch<T> | undefined {
    const exact = this.#exact.get(uri);
    if (exact !== undefined) return { resource: exact, values: {} };
    for (const { template, resource } of this.#templates) {
      const values = template.match(uri);
      if (values !== undefined) return { resource, values };
    }
    return undefined;
  }
}
