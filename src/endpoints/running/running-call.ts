import type { Decision, DeniedByRule } from '../../caller/index.js';
import type { ResolvedConfig } from '../../config/index.js';
import type { QueryableDatabase } from '../../duckdb/index.js';
import type { CallDeadline, Lease } from '../../lifecycle/index.js';
import type { PythonWorkers } from '../../python/index.js';
import type { CallQuestions, OpenedState } from '../../questions/index.js';
import type { AuditedCall } from './call-audit.js';
import type { CallContext, SentArguments } from './call-context.js';
import type { CallOutcome } from './call-log.js';
import type { CalledEndpoint } from './call-failures.js';
import type { EndpointGroups } from '../callable/endpoint-groups.js';
import type { CallableEndpoints } from '../callable/endpoint-set.js';
import type { SharedConfig } from '../callable/resource-text.js';

/** What a generation must hold for its endpoints to be called. */
export interface CallableGeneration {
  readonly endpoints: CallableEndpoints;
  /** Undefined in a project without groups. */
  readonly groups?: EndpointGroups | undefined;
  readonly database: QueryableDatabase;
  /** Undefined when the project has no Python; then no endpoint may need it. */
  readonly python: Pick<PythonWorkers, 'call'> | undefined;
  readonly config?: (Pick<ResolvedConfig, 'rateLimit' | 'answers' | 'confirmations'> & SharedConfig) | undefined;
}

/** A call that holds its generation. */
export interface RunningCall {
  readonly called: PerformedCall;
  /** As the group sees it that the call came through. */
  readonly generation: CallableGeneration;
  /** All endpoints, whatever the group. */
  readonly everything: CallableEndpoints;
  readonly context: CallContext;
  readonly deadline: CallDeadline;
  /** What the client has sent back with its answers; undefined for the first attempt at a call. */
  readonly opened: OpenedState | undefined;
  /** Set while a prompt reads resources for its messages. Their code cannot ask: the questions are those of the prompt. */
  isEmbedding?: boolean;
  /** Set by the protections, which come one after the other. */
  decision?: Decision | undefined;
  /** The last SQL of its code that the rules for rows have refused. */
  denied?: DeniedByRule | undefined;
  /** Set once a call that may ask its client has taken its answers. */
  questions?: CallQuestions | undefined;
  /** The resources that the call has changed. */
  updated?: ReadonlySet<string> | undefined;
  /** Set once the call has its result. */
  outcome?: CallOutcome | undefined;
}

export type PerformedCall = CalledEndpoint &
  Pick<AuditedCall, 'operation'> & { readonly sent: SentArguments; readonly isLogged?: boolean };

/** One call from its arrival to its answer. */
export interface CallFrame {
  readonly called: PerformedCall;
  readonly context: CallContext;
  readonly deadline: CallDeadline;
  readonly holder: { readonly label: string; interrupt(): void };
  readonly startedAt: number;
  lease?: Lease<CallableGeneration>;
  call?: RunningCall;
  /** Of the question that the client answers. */
  questionId?: string;
  /** Of a call that did not begin. */
  refusal?: Decision;
  /** Whether the transport asks the client now and makes the next attempt, which is the one to log. The audit log has both. */
  isContinued?: boolean;
}
