import { ERROR_CODES, httpStatusOf, operations, streams } from "@jobs/core";
import { z } from "zod";

type Schema = Record<string, unknown>;

/** The OpenAPI 3.1 document of the operations table. */
export function openApiDocument(version: string): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const input = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" }) as {
      properties?: Record<string, Schema>;
      required?: string[];
    };
    const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
    const others = Object.keys(input.properties ?? {}).filter((key) => !inPath.includes(key));
    const isQuery = operation.method !== "POST";
    const parameters = [...inPath, ...(isQuery ? others : [])].map((key) => ({
      name: key,
      in: inPath.includes(key) ? "path" : "query",
      required: inPath.includes(key) || (input.required ?? []).includes(key),
      schema: input.properties?.[key] ?? {},
    }));
    const hasBody = !isQuery && others.length > 0;
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = {
      operationId: name,
      summary: operation.summary,
      parameters,
      ...(hasBody ? { requestBody: { required: true, content: json(input) } } : {}),
      responses: {
        [operation.successStatus]: {
          description: "Done.",
          content: json(z.toJSONSchema(operation.output, { io: "output", unrepresentable: "any" })),
        },
        default: { description: "What went wrong.", content: json({ $ref: "#/components/schemas/Error" }) },
      },
    };
  }
  paths[streams.follow("{run}")] = { get: followOperation() };
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
      { name: "run", in: "path", required: true, schema: { type: "string" } },
      { name: "log", in: "query", required: false, schema: { type: "integer", minimum: 0 } },
      { name: "attempt", in: "query", required: false, schema: { type: "integer", minimum: 1 } },
    ],
    responses: { 101: { description: "Switching to WebSocket; see protocol/frames.ts for the frames." } },
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
