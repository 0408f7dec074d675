import type { z } from 'zod';
import type * as answers from './answers.js';
import type * as auditAnswers from './audit-records.js';
import type { metrics } from './metrics-answer.js';
import type { ROUTES } from './route-table.js';
import type { session, sessionList } from './session-routes.js';
import type * as systemAnswers from './system-answers.js';
import type { callTrace } from './trace-answers.js';
import type { Inside } from './wire-format.js';

export type RouteName = keyof typeof ROUTES;

type ResponsesOf<Name extends RouteName> = (typeof ROUTES)[Name]['responses'];

/** What the contract says of the answer of a route at one HTTP status. */
export type ResponseOf<Name extends RouteName, Code extends keyof ResponsesOf<Name>> = ResponsesOf<Name>[Code];

/** The schema of what a route answers at one HTTP status. */
export type SchemaOf<Name extends RouteName, Code extends keyof ResponsesOf<Name>> = ResponsesOf<Name>[Code] extends {
  readonly schema: infer S extends z.ZodType;
}
  ? S
  : never;

/** The body that a route answers with at one HTTP status. */
export type AnswerOf<Name extends RouteName, Code extends keyof ResponsesOf<Name>> = z.input<SchemaOf<Name, Code>>;

/** The statuses of success that a route has. */
export type SuccessOf<Name extends RouteName> = Extract<keyof ResponsesOf<Name>, 200 | 202 | 304>;

/** Query options as a handler gets them: parsed. */
export type QueryOf<Name extends RouteName> = z.infer<(typeof ROUTES)[Name]['query']>;

/** The fields of a body as a handler gets them: parsed. */
export type BodyOf<Name extends RouteName> = (typeof ROUTES)[Name] extends { readonly body: infer S extends z.ZodType }
  ? z.infer<S>
  : undefined;

/* What clients get. */

export type ServiceIndex = AnswerOf<'getIndex', 200>;
export type Health = AnswerOf<'getHealth', 200>;
export type ProbeOk = AnswerOf<'getReadyz', 200>;
export type ProbeFailed = AnswerOf<'getReadyz', 503>;
export type Status = AnswerOf<'getStatus', 200>;
export type Config = AnswerOf<'getConfig', 200>;
export type EndpointList = AnswerOf<'listEndpoints', 200>;
export type ReloadAccepted = AnswerOf<'postReload', 202>;
export type ReloadRecord = AnswerOf<'postReload', 200>;
export type ReloadList = AnswerOf<'listReloads', 200>;
export type Rotation = AnswerOf<'postDrain', 200>;
export type CallResult = AnswerOf<'runEndpoint', 200>;
export type ProjectReport = AnswerOf<'validateProject', 200>;
export type Logs = AnswerOf<'getLogs', 200>;
export type SystemInfo = AnswerOf<'getSystemInfo', 200>;
export type SystemCpu = AnswerOf<'getSystemCpu', 200>;
export type SystemMemory = AnswerOf<'getSystemMemory', 200>;
export type SystemDisk = AnswerOf<'getSystemDisk', 200>;
export type SystemNetwork = AnswerOf<'getSystemNetwork', 200>;
export type SystemProcess = AnswerOf<'getSystemProcess', 200>;
export type Metrics = AnswerOf<'getMetrics', 200>;
export type LogLevelAnswer = AnswerOf<'getLogLevel', 200>;
export type AuditRecords = AnswerOf<'getAuditRecords', 200>;
export type AuditStats = AnswerOf<'getAuditStats', 200>;
export type Session = AnswerOf<'deleteSession', 200>;
export type SessionList = AnswerOf<'listSessions', 200>;
export type EndedSessions = AnswerOf<'deleteSessions', 200>;
export type OpenApiDocument = AnswerOf<'getOpenApi', 200>;
export type ErrorBody = AnswerOf<'getHealth', 400>;
export type ReloadErrorBody = AnswerOf<'postReload', 500>;

/* The same as the program holds it; `toWire` leads from here to there. */

export type Check = Inside<typeof answers.check>;
export type BackgroundReport = Inside<typeof answers.background>;
export type StatusRecord = Inside<typeof answers.status>;
export type CallsRecord = Inside<typeof answers.calls>;
export type ConfigRecord = Inside<typeof answers.config>;
export type EndpointRecord = Inside<typeof answers.endpoint>;
export type RefusedDefinition = RunRecord['definitionsRefused'][number];
export type MetricFamily = Inside<typeof metrics>['metrics'][number];
export type RestartRequired = Inside<typeof answers.restartRequired>;
export type LogsRecord = Inside<typeof systemAnswers.logs>;
export type SystemInfoRecord = Inside<typeof systemAnswers.systemInfo>;
export type SystemCpuRecord = Inside<typeof systemAnswers.systemCpu>;
export type SystemMemoryRecord = Inside<typeof systemAnswers.systemMemory>;
export type SystemDiskRecord = Inside<typeof systemAnswers.systemDisk>;
export type SystemNetworkRecord = Inside<typeof systemAnswers.systemNetwork>;
export type SystemProcessRecord = Inside<typeof systemAnswers.systemProcess>;

export type AuditRecordsRecord = Inside<typeof auditAnswers.auditRecords>;
export type AuditStatsRecord = Inside<typeof auditAnswers.auditStats>;

export type SessionRecord = Inside<typeof session>;
export type SessionListRecord = Inside<typeof sessionList>;

export type ProjectReportRecord = Inside<typeof answers.projectReport>;

/** What one run of a reload did, as one of its requests sees it. Immutable: each step makes a new one. */
export type RunRecord = Inside<typeof answers.reloadRecord>;
export type ReloadStage = RunRecord['stages'][number];
export type ReloadFailure = NonNullable<RunRecord['error']>;

/** One call of `GET /trace`, as it is sent. */
export type CallTraceEntry = z.input<typeof callTrace>;
