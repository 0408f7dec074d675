import { DeniedByRule } from '../../caller/index.js';
import { MxcpError } from '../../errors/index.js';
import { reasonOf } from '../statements/query.js';

/** Whose text is refused decides on the advice. */
interface RefusedText {
  readonly ofCaller: boolean;
}

const RULE = 'protect';

/** The refusal of SQL that would go around the rules for rows. `what` says what the text does; `detail` may quote it. */
export function refused(what: string, { ofCaller }: RefusedText, detail?: string): DeniedByRule {
  const advice = ofCaller
    ? 'write one SELECT that names tables without schema and database'
    : 'name tables without their database, run such statements one by one, or list the endpoint in `protect.unfiltered` of mxcp-site.yml';
  return new DeniedByRule(RULE, `rows are protected, and this SQL ${what}`, { detail, advice, isByCaller: ofCaller });
}

const WRITES_TO_VIEW = /Can only (?:update|delete from|merge into) base table|is not an? table/;

/** DuckDB finds the view where the text writes to the table. */
export function explainWrite(error: MxcpError, { ofCaller }: RefusedText): MxcpError {
  if (!WRITES_TO_VIEW.test(error.message)) return error;
  const advice = 'only what `protect.unfiltered` lists may change it';
  return new DeniedByRule(RULE, 'rows are protected, and this SQL changes a view or a table that has a rule', {
    advice,
    isByCaller: ofCaller,
  });
}

/** Errors of a text itself, which DuckDB finds before it reads a row. */
const BEFORE_ROWS =
  /^(?:Parser|Syntax|Binder|Catalog|Parameter Not Resolved|INTERRUPT|Permission|Dependency|TransactionContext) Error/;
const CLASS = /^[A-Z][A-Za-z ]* Error/;

/** Leaves out what DuckDB says of values in rows. */
export function withoutRowValues(error: unknown): unknown {
  if (!(error instanceof MxcpError) || error.code !== 'query_failed') return error;
  const reason = reasonOf(error);
  const [kind] = CLASS.exec(reason) ?? [];
  if (kind === undefined || BEFORE_ROWS.test(reason)) return error;
  const message = `${kind}; what DuckDB says is in the log of the server, because it may quote rows that the caller must not see`;
  return new MxcpError('query_failed', message, { cause: error, logMessage: error.message });
}
