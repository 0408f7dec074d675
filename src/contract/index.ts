export { check, reloadRecord } from './answers.js';
export { openApiDocument } from './openapi.js';
export { ROUTES, type RouteContract } from './route-table.js';
export { type Inside, toWire } from './wire-format.js';
export type {
  AnswerOf,
  BackgroundReport,
  Check,
  Config,
  ConfigRecord,
  EndpointList,
  EndpointRecord,
  ErrorBody,
  Health,
  OpenApiDocument,
  ProbeFailed,
  ProbeOk,
  QueryOf,
  ReloadAccepted,
  ReloadErrorBody,
  ReloadFailure,
  ReloadList,
  ReloadRecord,
  ReloadStage,
  RestartRequired,
  RouteName,
  RunRecord,
  SchemaOf,
  ServiceIndex,
  Status,
  StatusRecord,
  SuccessOf,
} from './wire-types.js';
