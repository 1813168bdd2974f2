/** Every error that a user can meet: its stable code, the HTTP status and the exit code that go with it. */
const TABLE = {
  "invalid-request": { status: 400, exit: 64 },
  "body-not-json": { status: 400, exit: 64 },
  "body-too-large": { status: 413, exit: 64 },
  "name-invalid": { status: 400, exit: 64 },
  "key-invalid": { status: 400, exit: 64 },
  "script-missing": { status: 400, exit: 64 },
  "script-empty": { status: 400, exit: 64 },
  "script-too-large": { status: 413, exit: 64 },
  "script-has-nul": { status: 400, exit: 64 },
  "script-syntax": { status: 422, exit: 65 },
  "interpreter-missing": { status: 422, exit: 65 },
  "agent-unknown": { status: 422, exit: 65 },
  "agent-ambiguous": { status: 422, exit: 65 },
  "agent-unavailable": { status: 409, exit: 75 },
  "target-required": { status: 422, exit: 65 },
  unauthenticated: { status: 401, exit: 77 },
  "upload-refused": { status: 403, exit: 77 },
  "upload-mismatch": { status: 422, exit: 65 },
  "operation-unknown": { status: 404, exit: 66 },
  "run-unknown": { status: 404, exit: 66 },
  "artifact-unknown": { status: 404, exit: 66 },
  "job-busy": { status: 409, exit: 75 },
  "queue-full": { status: 409, exit: 75 },
  "run-started": { status: 409, exit: 65 },
  "nothing-to-resolve": { status: 409, exit: 65 },
  "job-unknown": { status: 404, exit: 66 },
  "job-changed": { status: 409, exit: 75 },
  "parameters-invalid": { status: 400, exit: 64 },
  "task-missing": { status: 409, exit: 65 },
  "payload-gone": { status: 410, exit: 66 },
  "key-conflict": { status: 409, exit: 65 },
  "no-deciding-server": { status: 503, exit: 69 },
  "store-unavailable": { status: 503, exit: 69 },
  "server-unreachable": { status: 503, exit: 69 },
  "log-unavailable": { status: 503, exit: 69 },
  "artifact-mismatch": { status: 502, exit: 65 },
  "already-running": { status: 409, exit: 75 },
  "nats-server-missing": { status: 503, exit: 69 },
  "agent-stopped": { status: 503, exit: 69 },
  "config-invalid": { status: 500, exit: 78 },
  internal: { status: 500, exit: 70 },
} as const;

/** A stable name of what went wrong; part of the public contract. */
export type ErrorCode = keyof typeof TABLE;

/** What an error looks like on the wire: `{ error: { code, message, field?, details? } }`. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly field?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

interface JobsErrorOptions {
  /** The input field that is wrong, by its whole path: `script`, `retry.count`, `schedules.0.cron`. */
  readonly field?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error class: a stable `code`, a message that says what to do, the field it is about, the cause. */
export class JobsError extends Error {
  override readonly name = "JobsError";
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: JobsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
    this.details = options.details;
  }

  /** The form that crosses the network. */
  toBody(): ErrorBody {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.field === undefined ? {} : { field: this.field }),
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }

  /** Reads {@link toBody}'s form; undefined when the value is something else. */
  static fromBody(body: unknown): JobsError | undefined {
    const error = (body as Partial<ErrorBody> | null)?.error;
    if (error === undefined || typeof error.message !== "string" || !isErrorCode(error.code)) return undefined;
    return new JobsError(error.code, error.message, {
      ...(error.field === undefined ? {} : { field: error.field }),
      ...(error.details === undefined ? {} : { details: error.details }),
    });
  }
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(TABLE, code);
}

/** All codes, for documents and tests. */
export const ERROR_CODES = Object.keys(TABLE) as readonly ErrorCode[];

/** The HTTP status of a code. */
export function httpStatusOf(code: ErrorCode): number {
  return TABLE[code].status;
}

/** The exit code (sysexits) with which a command ends on this error. */
export function exitCodeOf(code: ErrorCode): number {
  return TABLE[code].exit;
}

/** Any thrown value as a {@link JobsError}; what is not one becomes `internal` with its cause. */
export function toJobsError(thrown: unknown): JobsError {
  if (thrown instanceof JobsError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new JobsError("internal", message, { cause: thrown });
}
