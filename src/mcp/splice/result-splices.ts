import { randomUUID } from 'node:crypto';

/** Makes the JSON that takes the place of a placeholder, in small pieces. */
export type JsonPieces = () => Iterable<string>;

interface Splice {
  readonly replaces: 'string' | 'enclosing_object';
  readonly pieces: JsonPieces;
}

/** A part of a serialised message: text as the SDK made it, or JSON to be written piece by piece. */
export type MessagePart = string | JsonPieces;

/**
 * Large results of one response. The SDK serialises a message in one go, which for 10 MiB holds the event loop for 100 ms
 * and more. So a large result is handed to the SDK as a placeholder, and the writer of the response puts the real JSON
 * in its place, slice by slice. A placeholder is a random UUID that only this object knows, so no text of a caller can be
 * taken for one. Lives as long as the response (or, on stdio, the connection).
 */
export class ResultSplices {
  readonly #splices = new Map<string, Splice>();

  /** Returns the text to use as a string value of the result: the whole JSON string is replaced. */
  addString(pieces: JsonPieces): string {
    return this.#add({ replaces: 'string', pieces });
  }

  /** Returns the text to use as a key or a value in an object without nested objects: that object is replaced. */
  addObject(pieces: JsonPieces): string {
    return this.#add({ replaces: 'enclosing_object', pieces });
  }

  /** The parts of a serialised message in order. Each placeholder is given out once. */
  partsOf(message: string): readonly MessagePart[] {
    if (this.#splices.size === 0) return [message];
    const parts: MessagePart[] = [];
    let written = 0;
    for (const found of this.#find(message)) {
      parts.push(message.slice(written, found.start), found.pieces);
      written = found.end;
      this.#splices.delete(found.token);
    }
    parts.push(message.slice(written));
    return parts;
  }

  #add(splice: Splice): string {
    // Without its dashes it passes for base 64 as well, where the SDK asks for that.
    const token = randomUUID().replaceAll('-', '');
    this.#splices.set(token, splice);
    return token;
  }

  #find(message: string): { token: string; start: number; end: number; pieces: JsonPieces }[] {
    const found = [];
    for (const [token, splice] of this.#splices) {
      const quoted = message.indexOf(`"${token}"`);
      if (quoted === -1) continue;
      const isString = splice.replaces === 'string';
      const start = isString ? quoted : message.lastIndexOf('{', quoted);
      const end = isString ? quoted + token.length + 2 : message.indexOf('}', quoted) + 1;
      found.push({ token, start, end, pieces: splice.pieces });
    }
    return found.sort((a, b) => a.start - b.start);
  }
}
