import type { Authentication } from '../auth/index.js';
import type { Caller } from '../caller/index.js';
import type { ResolvedConfig } from '../config/index.js';
import { MxcpError } from '../errors/index.js';
import type { ActiveGeneration } from '../lifecycle/index.js';
import type { GenerationContents } from '../project/index.js';
import type { ServerContext } from './server-context.js';

/** Undefined if everybody may call; nothing of it is loaded then. The disposer of the context ends it. */
export async function startAuthentication(
  { env, logger, scrubber, observers, disposer, stopped }: ServerContext,
  { auth: settings, project, profile, projectRoot, presentation, transport }: ResolvedConfig,
  active: ActiveGeneration<GenerationContents>,
  port: () => number,
): Promise<Authentication | undefined> {
  if (settings === undefined) return undefined;
  const { createAuthentication } = await import('../auth/index.js');
  return disposer.own(
    await createAuthentication({
      settings,
      // A reload never removes the settings of a server that has them.
      current: () => active.current.contents.config.auth ?? settings,
      transport,
      port,
      name: presentation.title ?? project,
      project: { name: project, profile, root: projectRoot, home: env['HOME'] },
      hasPort: transport.provider !== 'stdio',
      endpointScopes: (group) => {
        const { endpoints, groups } = active.current.contents;
        return (group === undefined ? undefined : groups?.find(group)?.scopes) ?? endpoints.scopes;
      },
      groups: () => active.current.contents.groups?.names ?? [],
      logger,
      scrubber,
      observers,
      signal: stopped,
    }),
  );
}

/**
 * Who calls over standard input and output: the owner of the token in `MXCP_AUTH_TOKEN`, which is checked once. Throws `unauthenticated`
 * and what the check throws.
 */
export async function callerOfStdio(
  authentication: Authentication | undefined,
  { scrubber, settings: { authToken: token, group } }: ServerContext,
): Promise<Caller | undefined> {
  if (authentication === undefined) return undefined;
  if (token === undefined)
    throw new MxcpError(
      'unauthenticated',
      'the profile asks for authentication, and standard input has no request headers; set `MXCP_AUTH_TOKEN` to an access token',
    );
  // For as long as the process lives.
  scrubber.register([token]);
  const valuesOf = (header: string) => (header === 'authorization' ? [`Bearer ${token}`] : []);
  const verdict = await authentication.authenticate({ valuesOf, client: undefined, peer: undefined, group });
  if ('caller' in verdict) {
    authentication.hide(verdict.caller);
    return verdict.caller;
  }
  throw new MxcpError('unauthenticated', `\`MXCP_AUTH_TOKEN\` gives no access: ${verdict.refused.message}`);
}
