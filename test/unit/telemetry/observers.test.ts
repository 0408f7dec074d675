import { expect, test } from 'vitest';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { Observers } from '../../../src/telemetry/index.js';

function createObservers() {
  const lines: string[] = [];
  const sinks = [(line: string) => lines.push(line.replace(/^\S+ /, ''))];
  const logger = createLogger({ level: 'info', format: 'text', scrubber: new Scrubber(), sinks });
  return { observers: new Observers(logger), lines };
}

test('every observer hears what happens, in the order in which they were added, until it is removed', () => {
  const { observers } = createObservers();
  const heard: string[] = [];
  const remove = observers.add({ phaseChanged: (phase) => heard.push(`first ${phase}`) });
  observers.add({ phaseChanged: (phase, activity) => heard.push(`second ${phase} (${activity})`) });
  observers.phaseChanged('serving', 'ready');
  remove();
  observers.phaseChanged('closing', 'ready');
  expect(heard).toEqual(['first serving', 'second serving (ready)', 'second closing (ready)']);
});

test('an observer that throws is logged, and the others hear all the same', () => {
  const { observers, lines } = createObservers();
  const heard: string[] = [];
  observers.add({
    phaseChanged: () => {
      throw new Error('broken');
    },
  });
  observers.add({ phaseChanged: (phase) => heard.push(phase) });
  observers.phaseChanged('serving', 'ready');
  expect(heard).toEqual(['serving']);
  expect(lines).toEqual(['ERROR telemetry: bug in an observer reason=broken\n']);
});
