import { describe, it, onTestFinished } from 'vitest';
import { SITE } from '../../kit/projects/shop.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { killAtRandomMoments } from '../../kit/random-kills.js';

/** Servers that live and die at the same time, each over a file of its own: most of a life is waiting. */
const SERVERS = 4;

function createProject(): TemporaryProject {
  const project = new TemporaryProject({ 'mxcp-site.yml': SITE.readwrite, 'home/.keep': '' });
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

describe('a hundred kills', () => {
  it('lose no acknowledged row and mix in no foreign one', { timeout: 900_000 }, async () => {
    const kills = 100 / SERVERS;
    // Throws what a start finds missing or foreign.
    await Promise.all(Array.from({ length: SERVERS }, () => killAtRandomMoments(createProject(), { kills })));
  });
});
