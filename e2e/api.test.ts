/** The API as the wire has it: what `/healthz` and `/openapi.json` say, and that every answer is what the table says. */
import { ERROR_CODES, httpStatusOf, operations, type OperationName, type RunView, type SubmitInput } from "@jobs/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { healthOf } from "./support/health.ts";
import { matches, type JsonSchema } from "./support/json-schema.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

interface OpenApiParameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

interface Content {
  readonly description: string;
  readonly content?: { readonly "application/json": { readonly schema: JsonSchema } };
}

interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly OpenApiParameter[];
  readonly requestBody?: Content & { readonly required: boolean };
  readonly responses: Readonly<Record<string, Content>>;
}

interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

const NAMES = Object.keys(operations) as OperationName[];

let stack: Stack;
let url: string;
let document: OpenApi;
beforeAll(async () => {
  stack = await startStack();
  url = stack.servers[0]?.url ?? "";
  document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

test("/healthz says how the server stands, to anybody", async () => {
  const response = await fetch(`${url}/healthz`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toContain("application/json");
  const [server] = stack.servers;
  expect(await response.json()).toEqual({
    status: "ok",
    server: server?.id,
    version: document.info.version,
    nats: "connected",
    view: "current",
    deciding: server?.id,
  });
});

test("/healthz is 503 while nats-server is down, and 200 again once it is back", async () => {
  await using own = await startStack();
  const ownUrl = own.servers[0]?.url ?? "";
  const [node] = own.nats.nodes;
  await node?.kill("SIGKILL");
  await expect
    .poll(() => healthOf(ownUrl), { timeout: 10_000 })
    .toMatchObject({ httpStatus: 503, status: "degraded", nats: "disconnected" });
  await node?.start();
  await expect
    .poll(() => healthOf(ownUrl), { timeout: 20_000 })
    .toMatchObject({ httpStatus: 200, status: "ok", nats: "connected", view: "current" });
  const run = await own.client.submitJob({ name: freshName(), script: "echo back", on: "alpha" });
  expect(await run.result()).toMatchObject({ state: "completed" });
}, 60_000);

test("the OpenAPI document has the shape of 3.1", () => {
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: "Jobs", version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string });
  for (const scheme of document.security.flatMap((one) => Object.keys(one)))
    expect(document.components.securitySchemes).toHaveProperty(scheme);
  const all = Object.entries(document.paths).flatMap(([path, ofPath]) =>
    Object.entries(ofPath).map(([method, operation]) => ({ path, method, operation })),
  );
  const ids = all.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, method, operation } of all) {
    expect(path).toMatch(/^\/(v1\/|metrics$|healthz$)/);
    expect(["get", "post", "put", "delete"]).toContain(method);
    expect(operation.summary.length).toBeGreaterThan(5);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const declared = operation.parameters.filter((one) => one.in === "path");
    expect(declared.map(({ name }) => name)).toEqual(inPath);
    expect(declared.every(({ required }) => required)).toBe(true);
    const keys = operation.parameters.map((one) => `${one.in} ${one.name}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
    for (const [status, { description }] of Object.entries(operation.responses)) {
      expect(status).toMatch(/^([1-5]\d\d|default)$/);
      expect(description).not.toBe("");
    }
  }
  for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
    expect(document.components.schemas).toHaveProperty(name ?? "");
});

test.each(NAMES)("the OpenAPI document has %s with its path, method, parameters and answers", (name) => {
  const { method, path, input, successStatus } = operations[name];
  const operation = document.paths[path]?.[method.toLowerCase()];
  expect(operation?.operationId).toBe(name);
  const fields = Object.keys(input.shape);
  const inPath = fields.filter((field) => path.includes(`{${field}}`));
  const others = fields.filter((field) => !inPath.includes(field));
  const wanted = method === "POST" ? inPath : fields; // what is no POST has no body
  expect(operation?.parameters.map((one) => one.name).toSorted()).toEqual(wanted.toSorted());
  for (const parameter of operation?.parameters ?? []) {
    expect(parameter.in).toBe(inPath.includes(parameter.name) ? "path" : "query");
    const field = (input.shape as Record<string, { safeParse(value: undefined): { success: boolean } }>)[
      parameter.name
    ];
    expect(parameter.required).toBe(field?.safeParse(undefined).success === false);
    expect(Object.keys(parameter.schema)).not.toEqual([]);
  }
  expect(operation?.requestBody !== undefined).toBe(method === "POST" && others.length > 0);
  expect(Object.keys(operation?.responses ?? {}).toSorted()).toEqual([String(successStatus), "default"].toSorted());
  expect(schemaOf(operation?.responses["default"])).toEqual({ $ref: "#/components/schemas/Error" });
});

const SUBMISSION: SubmitInput = {
  name: "nightly report 日本",
  script: "echo hi",
  on: "alpha",
  interpreter: ["bash", "-eu"],
  env: { GREETING: "hello" },
  overlap: "allow",
  key: "k",
};

test("the schema of a submission accepts what is right, names what is required, and refuses what the server refuses", async () => {
  const body = document.paths["/v1/runs"]?.["post"]?.requestBody;
  const schema = schemaOf(body);
  expect(body?.required).toBe(true);
  expect(schema["required"]).toEqual(["name", "script"]);
  const accepted = [SUBMISSION, { name: "n", script: "x" }];
  for (const one of accepted) {
    expect(operations.submitRun.input.safeParse(one).success).toBe(true);
    expect([one, matches(one, schema)]).toEqual([one, true]);
  }
  const refused = [
    { name: "n" },
    { script: "x" },
    { ...SUBMISSION, nmae: "x" },
    { ...SUBMISSION, overlap: "sometimes" },
    { ...SUBMISSION, key: "" },
    { ...SUBMISSION, interpreter: [] },
    { ...SUBMISSION, on: 7 },
    { ...SUBMISSION, env: { GREETING: 1 } },
  ];
  for (const one of refused) {
    expect([one, matches(one, schema)]).toEqual([one, false]);
    expect((await send("POST", "/v1/runs", one)).status).toBe(400);
  }
});

test("the schema of errors lists every code with its status, and fits what the server answers", async () => {
  const schema = document.components.schemas["Error"] ?? {};
  const { error } = schema["properties"] as {
    error: { properties: { code: { enum: string[]; description: string } } };
  };
  const { code } = error.properties;
  expect(code.enum.toSorted()).toEqual(ERROR_CODES.toSorted());
  for (const one of ERROR_CODES) expect(code.description).toContain(`${one} (${httpStatusOf(one)})`);
  for (const [path, status] of [
    ["/v1/runs/zzzzzzzzzzzzzzzzzzzzz", 404],
    ["/v1/runs?limit=0", 400],
    ["/v1/nothing", 404],
  ] as const) {
    const answer = await send("GET", path);
    expect([path, answer.status, matches(answer.json, schema)]).toEqual([path, status, true]);
  }
});

test("every answer is what the table and the document say: submit, get, cancel, artifacts, agents", async () => {
  const script = 'echo hi; echo kept > "$JOBS_OUTPUT/kept.txt"; [ "$GREETING" = hello ] || exit 1; sleep 1000 & wait';
  const input = { ...SUBMISSION, name: freshName(), script };
  const { run, known } = (await ask("submitRun", input)) as { run: RunView; known: boolean };
  expect(known).toBe(false);
  expect(run).toMatchObject({ job: input.name, on: "alpha", overlap: "allow", submittedBy: "tester" });
  expect(await ask("submitRun", input)).toMatchObject({ known: true, run: { run: run.run } });
  await expect.poll(() => ask("getRun", { run: run.run })).toMatchObject({ state: "running", attempt: 1 });
  expect(await ask("listArtifacts", { run: run.run })).toEqual({ settled: false, artifacts: [] });
  expect(await ask("listAgents", {})).toMatchObject({ agents: [{ id: "alpha", inContact: true, assigned: 1 }] });
  expect(await ask("cancelRun", { run: run.run })).toMatchObject({ run: run.run, cancelRequestedBy: "tester" });
  await (await stack.client.run(run.run)).settled();
  expect(await ask("getRun", { run: run.run })).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
  expect(await ask("listArtifacts", { run: run.run })).toMatchObject({
    settled: true,
    artifacts: [{ name: "kept.txt", sizeBytes: 5 }],
  });
  expect(await ask("listRuns", { job: input.name })).toEqual({ runs: [await ask("getRun", { run: run.run })] });
});

test("runs are listed the newest first, by job and by state, a page at a time", async () => {
  const name = freshName();
  const ids: string[] = [];
  for (const exit of [0, 1, 0, 1, 0]) {
    const run = await stack.client.submitJob({ name, script: `exit ${exit}`, on: "alpha" });
    await run.result();
    ids.unshift(run.id);
  }
  let after: string | undefined;
  const listed = async (filter: Record<string, unknown>): Promise<string[]> => {
    const { runs, next } = (await ask("listRuns", { job: name, ...filter })) as { runs: RunView[]; next?: string };
    expect(runs.every(({ job }) => job === name)).toBe(true);
    after = next;
    return runs.map(({ run }) => run);
  };
  expect(await listed({})).toEqual(ids);
  expect(await listed({ limit: 2 })).toEqual(ids.slice(0, 2));
  expect(await listed({ limit: 2, after })).toEqual(ids.slice(2, 4));
  expect(await listed({ limit: 2, after })).toEqual(ids.slice(4));
  expect(after).toBeUndefined();
  expect(await listed({ state: "failed" })).toEqual([ids[1], ids[3]]);
  expect(await listed({ state: "failed", limit: 1 })).toEqual([ids[1]]);
  expect(await listed({ state: "failed", limit: 1, after })).toEqual([ids[3]]);
  expect(await listed({ state: "running" })).toEqual([]);
});

test.each(["limit=0", "limit=501", "limit=many", "state=asleep", "after=x", "reason=none", "since=now", "before=x"])(
  "a list with %s is refused, and the field is named",
  async (query) => {
    const answer = await send("GET", `/v1/runs?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ error: { code: "invalid-request", field: query.split("=")[0] } });
  },
);

test.each([
  ["DELETE", "/v1/runs"],
  ["PUT", "/v1/runs/zzzzzzzzzzzzzzzzzzzzz"],
  ["PATCH", "/v1/agents"],
  ["GET", "/v1/runs/zzzzzzzzzzzzzzzzzzzzz/cancel"],
  ["POST", "/healthz"],
  ["GET", "/"],
] as const)("%s %s is no operation, and the answer says so", async (method, path) => {
  const answer = await send(method, path);
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({ error: { code: "operation-unknown" } });
  expect(JSON.stringify(answer.json)).toContain(`${method} ${path}`);
});

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

async function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json() };
}

/** Calls an operation as the document describes it; its answer must be what the table and the document say, and no more. */
async function ask(name: OperationName, input: Record<string, unknown>): Promise<unknown> {
  const { method, path, output, successStatus } = operations[name];
  const rest = { ...input };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, field: string) => {
    const value = String(rest[field]);
    delete rest[field];
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams(Object.entries(rest).map(([key, value]): [string, string] => [key, String(value)]));
  const hasBody = document.paths[path]?.[method.toLowerCase()]?.requestBody !== undefined;
  const answer = await send(method, method === "GET" ? `${filled}?${query}` : filled, hasBody ? rest : undefined);
  expect([name, answer.status, answer.json]).toEqual([name, successStatus, output.parse(answer.json)]);
  const schema = schemaOf(document.paths[path]?.[method.toLowerCase()]?.responses[successStatus]);
  expect([name, matches(answer.json, schema)]).toEqual([name, true]);
  return answer.json;
}

function schemaOf(one: Content | undefined): JsonSchema {
  const schema = one?.content?.["application/json"].schema;
  if (schema === undefined) throw new Error("the document has no schema here");
  return schema;
}
