import { z } from 'zod';
import { errorBody } from './answers.js';
import { auditRecords, auditStats } from './audit-records.js';
import { commonErrors, errorResponse, type RouteContract } from './route-contract.js';
import { isoTime, recordLimit, recordOffset } from './wire-format.js';

const auditTimes = {
  start_time: isoTime.optional().describe('The first moment, in ISO 8601; UTC unless it names a zone.'),
  end_time: isoTime.optional().describe('The last moment.'),
} as const;

const auditErrors = { ...commonErrors, 500: errorResponse(errorBody, ['query_failed', 'internal']) } as const;

/** The routes that read the audit log. */
export const AUDIT_ROUTES = {
  getAuditRecords: {
    method: 'GET',
    path: '/audit/query',
    tag: 'audit',
    doc: 'Records of the audit log, the newest first. Every condition must hold.',
    query: z.strictObject({
      schema_name: z.string().optional(),
      ...auditTimes,
      operation_type: z
        .string()
        .optional()
        .describe('`tool`, `resource`, `prompt`, `admin`, `reload`, `auth`, `request` or `audit`.'),
      operation_name: z.string().optional(),
      operation_status: z.string().optional().describe('`success` or `error`.'),
      user_id: z.string().optional(),
      trace_id: z.string().optional(),
      policy_decision: z.string().optional().describe('`allow`, `deny` or `warn`.'),
      limit: recordLimit.optional().describe('At most this many records; 100 unless given.'),
      offset: recordOffset.optional().describe('How many records to skip.'),
    }),
    responses: { ...auditErrors, 200: { schema: auditRecords, doc: 'The records.' } },
  },
  getAuditStats: {
    method: 'GET',
    path: '/audit/stats',
    tag: 'audit',
    doc: 'How many records the audit log has, by kind, outcome and decision.',
    query: z.strictObject(auditTimes),
    responses: { ...auditErrors, 200: { schema: auditStats, doc: 'The counts.' } },
  },
} as const satisfies Record<string, RouteContract>;
