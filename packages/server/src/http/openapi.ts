import { ERROR_CODES, httpStatusOf, operations, streams } from "@jobs/core";
import { z } from "zod";

type Schema = Record<string, unknown>;

const RUN_IN_PATH: Schema = { name: "run", in: "path", required: true, schema: { type: "string" } };
const ATTEMPT_IN_QUERY: Schema = {
  name: "attempt",
  in: "query",
  required: false,
  schema: { type: "integer", minimum: 1 },
};
const WRONG: Schema = { description: "What went wrong.", content: json({ $ref: "#/components/schemas/Error" }) };

/** The OpenAPI 3.1 document of the operations table. */
export function openApiDocument(version: string): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const input = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" }) as {
      properties?: Record<string, Schema>;
      required?: string[];
    };
    const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
    const { properties = {}, required = [] } = input;
    const others = Object.keys(properties).filter((key) => !inPath.includes(key));
    const isQuery = operation.method !== "POST";
    const parameters = [...inPath, ...(isQuery ? others : [])].map((key) => ({
      name: key,
      in: inPath.includes(key) ? "path" : "query",
      required: inPath.includes(key) || required.includes(key),
      schema: properties[key] ?? {},
    }));
    const hasBody = !isQuery && others.length > 0;
    const inBody = required.filter((key) => others.includes(key));
    const body = {
      ...input,
      properties: Object.fromEntries(others.map((key) => [key, properties[key]])),
      required: inBody,
    };
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = {
      operationId: name,
      summary: operation.summary,
      parameters,
      ...(hasBody ? { requestBody: { required: inBody.length > 0, content: json(body) } } : {}),
      responses: {
        [operation.successStatus]: {
          description: "Done.",
          content: json(z.toJSONSchema(operation.output, { io: "output", unrepresentable: "any" })),
        },
        default: WRONG,
      },
    };
  }
  paths[streams.follow("{run}")] = { get: followOperation() };
  paths["/v1/runs/{run}/artifacts/{name}"] = { get: artifactOperation() };
  paths["/metrics"] = { get: metricsOperation() };
  paths["/healthz"] = { get: healthOperation() };
  return {
    openapi: "3.1.0",
    info: { title: "Jobs", version, description: "Runs scripts on your own servers." },
    security: [{ token: [] }],
    paths,
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } }, schemas: { Error: errorSchema() } },
  };
}

function json(schema: unknown): Schema {
  return { "application/json": { schema } };
}

function followOperation(): Schema {
  return {
    operationId: "followRun",
    summary: "WebSocket: each change of a run, and with `log` all bytes of its log from that offset, then live.",
    parameters: [
      RUN_IN_PATH,
      { name: "log", in: "query", required: false, schema: { type: "integer", minimum: 0 } },
      ATTEMPT_IN_QUERY,
      {
        name: "only",
        in: "query",
        required: false,
        description: "If given, the log is that of `attempt` alone.",
        schema: { type: "string" },
      },
    ],
    responses: { 101: { description: "Switching to WebSocket; see protocol/frames.ts for the frames." } },
  };
}

function artifactOperation(): Schema {
  return {
    operationId: "getArtifact",
    summary: "The content of one artifact; of the last attempt if none is named.",
    parameters: [
      RUN_IN_PATH,
      {
        name: "name",
        in: "path",
        required: true,
        description: "As `listArtifacts` has it; its slashes are slashes of the path.",
        schema: { type: "string" },
      },
      ATTEMPT_IN_QUERY,
    ],
    responses: {
      200: {
        description: "Its bytes; `jobs-sha256` is their hash.",
        content: { "application/octet-stream": {} },
      },
      default: WRONG,
    },
  };
}

function metricsOperation(): Schema {
  return {
    operationId: "getMetrics",
    summary: "What Prometheus is told; see docs/metrics.md.",
    parameters: [],
    responses: {
      200: { description: "In Prometheus' text form.", content: { "text/plain": { schema: { type: "string" } } } },
      default: WRONG,
    },
  };
}

function healthOperation(): Schema {
  return {
    operationId: "getHealth",
    summary: "How this server stands; it needs no token.",
    security: [],
    parameters: [],
    responses: {
      200: { description: "It can answer.", content: json({ type: "object" }) },
      503: {
        description: "It cannot just now, or is about to stop: `status` is `degraded` or `stopping`.",
        content: json({ type: "object" }),
      },
    },
  };
}

function errorSchema(): Schema {
  const codes = ERROR_CODES.map((code) => `${code} (${httpStatusOf(code)})`).join(", ");
  return {
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message"],
        properties: {
          code: { type: "string", enum: [...ERROR_CODES], description: `With their HTTP status: ${codes}.` },
          message: { type: "string" },
          field: { type: "string", description: "The path of the field that is wrong, e.g. `retry.count`." },
          details: { type: "object" },
        },
      },
    },
  };
}
