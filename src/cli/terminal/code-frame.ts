import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import pc from 'picocolors';
import { visibleLines } from '../../errors/index.js';

/** A place as problems and log lines name it: `tools/sales.yml:12:7`. */
const PLACE = /(?<![\w/.-])([\w/.-]+\.(?:ya?ml|sql|py)):(\d+)(?::(\d+))?/;

const LINES_BEFORE = 1;
const MAX_LINE = 120;

/** Adds the line of code, with the one before it, below each line of a message that names a place in the project. */
export function withCodeFrames(message: string, projectRoot: string): string {
  const shown = new Set<string>();
  const lines = message.split('\n').map((line) => {
    const [place, file = '', number, column] = PLACE.exec(line) ?? [];
    const frame = place === undefined || shown.has(place) ? [] : readFrame(resolve(projectRoot, file), Number(number));
    if (place === undefined || frame.length === 0) return line;
    shown.add(place);
    return [line, ...frame, ...(column === undefined ? [] : [caret(Number(number), Number(column))])].join('\n');
  });
  return lines.join('\n');
}

/** Nothing if the file or the line is not there any longer. */
function readFrame(path: string, number: number): readonly string[] {
  let lines: readonly string[];
  try {
    lines = readFileSync(path, 'utf8').split(/\r?\n/);
  } catch {
    // The message is printed without its code: the file may have been removed since.
    return [];
  }
  if (lines[number - 1] === undefined) return [];
  const first = Math.max(number - LINES_BEFORE, 1);
  return lines.slice(first - 1, number).map((line, index) => {
    const text = `${gutter(first + index, number)} ${visibleLines(line).slice(0, MAX_LINE)}`;
    return first + index === number ? text : pc.dim(text);
  });
}

function caret(number: number, column: number): string {
  const isOutside = column > MAX_LINE;
  return isOutside ? '' : `${' '.repeat(gutter(number, number).length)} ${' '.repeat(column - 1)}${pc.red('^')}`;
}

function gutter(number: number, marked: number): string {
  return `${number === marked ? '  >' : '   '} ${String(number).padStart(4)} |`;
}
