import { describe, it, onTestFinished } from 'vitest';
import { SITE } from '../../kit/projects/shop.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { killAtRandomMoments } from '../../kit/random-kills.js';

/** `npm run test:kills` kills a hundred times. */
const SERVERS = 3;
const KILLS_OF_EACH = 7;

function createProject(): TemporaryProject {
  const project = new TemporaryProject({ 'mxcp-site.yml': SITE.readwrite, 'home/.keep': '' });
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

describe('kills at random moments', () => {
  it('lose no acknowledged row and mix in no foreign one', async () => {
    // Throws what a start finds missing or foreign.
    await killAtRandomMoments(Array.from({ length: SERVERS }, createProject), { killsOfEach: KILLS_OF_EACH });
  });
});
