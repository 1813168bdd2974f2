/** The HTTP side of the server: the operations table as routes, and what is beside it. */
import { httpStatusOf, JobsError, operations, REQUEST_MAX_BYTES, type OperationName } from "@jobs/core";
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import type { Logger } from "pino";
import type { Metrics } from "../metrics/metrics.ts";
import type { Auth } from "./auth.ts";
import { errorOfBody, errorOfRequest, refuseUnreadable } from "./faults.ts";
import type { OperationsOptions } from "./handlers.ts";
import type { Health } from "./health.ts";
import { answerBeforeClose } from "./in-flight.ts";
import { parseInput } from "./input.ts";
import { jsonBytes } from "./json-bytes.ts";
import { registerObjectRoutes, type ObjectRoutesOptions } from "./objects.ts";
import { openApiDocument } from "./openapi.ts";
import { operationHandlers } from "./operations.ts";
import { UpgradeableRequest } from "./upgrade.ts";

export interface AppOptions extends OperationsOptions, ObjectRoutesOptions {
  readonly auth: Auth;
  readonly version: string;
  readonly health: () => Health;
  readonly metrics: Pick<Metrics, "contentType" | "text" | "onRejected">;
  readonly log: Logger;
  /** Within this the body of an operation must have come, milliseconds. */
  readonly bodyTimeoutMs?: number | undefined;
}

declare module "fastify" {
  interface FastifyRequest {
    /** The name that goes with its token. */
    by: string;
  }
}

const BODY_TIMEOUT_MS = 60_000;
const JSON_TYPE = "application/json; charset=utf-8";

export function createApp(options: AppOptions): FastifyInstance {
  const answerError = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = errorOfRequest(thrown, request.routeOptions.url === operations.submitRuns.path);
    const status = httpStatusOf(error.code);
    options.metrics.onRejected(error.code);
    if (status >= 500) options.log.error({ err: thrown }, "a request failed");
    void reply.code(status).send(error.toBody());
  };
  const app = Fastify({
    loggerInstance: options.log as FastifyBaseLogger,
    http: { IncomingMessage: UpgradeableRequest },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: REQUEST_MAX_BYTES,
    routerOptions: { maxParamLength: 4_096 },
    forceCloseConnections: true, // after what `answerBeforeClose` waits for
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler(thrown, socket) {
      const error = refuseUnreadable(thrown, socket);
      if (error !== undefined) options.metrics.onRejected(error.code);
    },
  });
  answerBeforeClose(app);
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  // Whatever it is called: `fetch` says text/plain of a text.
  app.addContentTypeParser("*", { parseAs: "string" }, (request, body: string, done) => {
    const { isBodyOptional } = request.routeOptions.config as { isBodyOptional?: boolean };
    if (body === "" && isBodyOptional === true) return done(null, undefined); // some clients name a type and send nothing
    void parseJson(request, body, (error, parsed) => {
      if (error === null && isObject(parsed)) done(null, parsed);
      else done(errorOfBody(body, error));
    });
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    throw new JobsError(
      "operation-unknown",
      `There is no ${request.method} ${request.url.split("?")[0]}; see /openapi.json.`,
    );
  });
  app.decorateRequest("by", "");
  const handlers = operationHandlers(options);
  for (const name of Object.keys(operations) as OperationName[]) registerOperation(app, name, { ...options, handlers });
  void app.register((objects, _, done) => {
    registerObjectRoutes(objects, options);
    done();
  });
  app.get("/healthz", (_request, reply) => {
    const health = options.health();
    return reply.code(health.status === "ok" ? 200 : 503).send(health);
  });
  app.get("/metrics", async (request, reply) => {
    options.auth.fromHeaders(request.headers);
    return reply.type(options.metrics.contentType).send(await options.metrics.text());
  });
  const document = openApiDocument(options.version);
  app.get("/openapi.json", () => document);
  return app;
}

function registerOperation(
  app: FastifyInstance,
  name: OperationName,
  options: AppOptions & { handlers: ReturnType<typeof operationHandlers> },
): void {
  const { method, path, input, successStatus } = operations[name];
  const handle = options.handlers[name] as (input: unknown, by: string) => Promise<object>;
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ":$1"),
    config: { isBodyOptional: name !== "submitRun" && name !== "submitRuns" },
    onRequest: async (request, reply) => {
      limitBody(request, reply, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS);
      request.by = options.auth.fromHeaders(request.headers); // before the body is read
    },
    handler: async (request, reply) => {
      const output = await handle(parseInput(input, fieldsOf(request)), request.by);
      // As bytes: a text is gone through twice more, for its length and as it is written.
      return reply.code(successStatus).type(JSON_TYPE).send(jsonBytes(output));
    },
  });
}

/** A POST has its fields in the body, all else in the query; what is said where it would be passed over is refused. */
function fieldsOf({ method, query, body, params }: FastifyRequest): object {
  const [said, elsewhere, where] = method === "POST" ? [body, query, "query"] : [query, body, "body"];
  const inPath = Object.keys(params as object).find((field) => Object.hasOwn(said ?? {}, field));
  const field = Object.keys(elsewhere ?? {})[0] ?? inPath;
  if (field === undefined) return { ...(said as object), ...(params as object) };
  const why = field === inPath ? "it is in the path already" : `there is no such field in the ${where} of a ${method}`;
  throw new JobsError("invalid-request", `\`${field}\` is not right: ${why}`, { field });
}

/** Answers a request whose body takes too long, and ends its connection. */
function limitBody({ raw }: FastifyRequest, reply: FastifyReply, limitMs: number): void {
  const timer = setTimeout(() => {
    if (raw.complete) return;
    if (reply.sent) return void raw.destroy();
    const message = `The body did not come within ${limitMs / 1000} s.`;
    void reply.header("connection", "close").send(new JobsError("invalid-request", message));
  }, limitMs);
  for (const event of ["end", "close"]) raw.once(event, () => clearTimeout(timer));
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
