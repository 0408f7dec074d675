import type { z } from 'zod';
import type { ROUTES } from './route-table.js';

export type RouteName = keyof typeof ROUTES;

type ResponsesOf<Name extends RouteName> = (typeof ROUTES)[Name]['responses'];

/** The body that a route answers with at one HTTP status. */
export type AnswerOf<
  Name extends RouteName,
  Code extends keyof ResponsesOf<Name>,
> = ResponsesOf<Name>[Code] extends { readonly schema: infer S extends z.ZodType } ? z.infer<S> : never;

/** The statuses of success that a route has. */
export type SuccessOf<Name extends RouteName> = Extract<keyof ResponsesOf<Name>, 200 | 202>;

/** Query options as a handler gets them: parsed. */
export type QueryOf<Name extends RouteName> = z.infer<(typeof ROUTES)[Name]['query']>;

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
export type OpenApiDocument = AnswerOf<'getOpenApi', 200>;
export type ErrorBody = AnswerOf<'getHealth', 400>;
export type ReloadErrorBody = AnswerOf<'postReload', 500>;
