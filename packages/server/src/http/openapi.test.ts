import { expect, test } from "vitest";
import { openApiDocument } from "./openapi.ts";

interface Operation {
  readonly parameters: readonly { readonly name: string }[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: {
      readonly "application/json": {
        readonly schema: { readonly properties: object; readonly required?: readonly string[] };
      };
    };
  };
  readonly security?: readonly unknown[];
}

const paths = openApiDocument("1.2.3")["paths"] as Record<string, Record<string, Operation>>;

test.each([
  ["/v1/runs/{run}/rerun", []],
  ["/v1/runs/{run}/resolve", []],
  ["/v1/pause", []],
  ["/v1/runs", ["name", "script"]],
  ["/v1/agent/drain", ["agent"]],
])("the body of POST %s asks for %j, and is needed only for those", (path, required) => {
  const body = paths[path]?.["post"]?.requestBody;
  const schema = body?.content["application/json"].schema;
  expect(schema?.required ?? []).toEqual(required);
  expect(schema?.properties).not.toHaveProperty("run");
  expect(body?.required).toBe(required.length > 0);
});

test("what is beside the table is in the document, too", () => {
  const follow = paths["/v1/runs/{run}/follow"]?.["get"];
  expect(follow?.parameters.map(({ name }) => name)).toEqual(["run", "log", "attempt", "only"]);
  const artifact = paths["/v1/runs/{run}/artifacts/{name}"]?.["get"];
  expect(artifact?.parameters.map(({ name }) => name)).toEqual(["run", "name", "attempt"]);
  expect(paths["/metrics"]?.["get"]?.security).toBeUndefined();
  expect(paths["/healthz"]?.["get"]?.security).toEqual([]);
});
