/** What Fastify and Node's HTTP parser find wrong with a request, as errors of ours. */
import type { Socket } from "node:net";
import { JobsError, REQUEST_MAX_BYTES, toJobsError } from "@jobs/core";
import { answerOnSocket } from "./raw-answer.ts";

interface Fault {
  readonly code?: string;
  readonly statusCode?: number;
  readonly message?: string;
}

/** By the codes of Fastify and Node. */
const MESSAGES: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: "The path cannot be read: after each % two hexadecimal digits of UTF-8 are needed.",
  FST_ERR_MAX_PARAM_LENGTH: "A part of the path is too long.",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "The content type is none: send application/json, or leave it out.",
  HPE_HEADER_OVERFLOW: "The address and the headers are too long: they may have 16 KiB together.",
  HPE_INVALID_METHOD: "There is no such method; see /openapi.json.",
  ERR_HTTP_REQUEST_TIMEOUT: "The request did not come in time.",
};

/** What is wrong with a body: `cause`, if Fastify did not parse it; else it is JSON, and no object. */
export function errorOfBody(body: string, cause: Error | null): JobsError {
  if (cause === null || !isJson(body))
    return new JobsError("body-not-json", "The body is not JSON: send one JSON object.", { cause });
  const message = "No field may be called `__proto__`, nor `prototype` in one that is called `constructor`.";
  return new JobsError("invalid-request", message, { field: "__proto__", cause });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Any error that a request met; `isBulk`: it was one of many submissions. */
export function errorOfRequest(thrown: unknown, isBulk: boolean): JobsError {
  if (thrown instanceof JobsError) return thrown;
  const { code = "", statusCode = 500, message = "The request is not right." } = thrown as Fault;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return tooLarge(thrown, isBulk);
  if (statusCode >= 500) return toJobsError(thrown);
  return new JobsError("invalid-request", MESSAGES[code] ?? message, { cause: thrown });
}

/** Answers what Node could not read as a request, and ends the connection; gives what it was answered. */
export function refuseUnreadable(thrown: Error & Fault, socket: Socket): JobsError | undefined {
  if (thrown.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const message = MESSAGES[thrown.code ?? ""] ?? `It is no request of HTTP/1.1: ${thrown.message}.`;
  const error = new JobsError("invalid-request", message, { cause: thrown });
  answerOnSocket(socket, error);
  return error;
}

function tooLarge(cause: unknown, isBulk: boolean): JobsError {
  if (!isBulk)
    return new JobsError("script-too-large", "The request is too large: a script may have 1 MiB.", {
      field: "script",
      cause,
    });
  const message = `The request is over ${REQUEST_MAX_BYTES / 1024 / 1024} MiB: send fewer submissions at once.`;
  return new JobsError("body-too-large", message, { field: "runs", cause });
}
