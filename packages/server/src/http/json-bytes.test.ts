import { expect, test } from "vitest";
import { jsonBytes } from "./json-bytes.ts";

const many = (count: number): object[] =>
  Array.from({ length: count }, (_, at) => ({ at, text: `“${at}”\n`, no: undefined }));

test.each([
  {},
  { state: "ended", list: [], none: undefined, nothing: null },
  { results: many(1) },
  { results: many(100) },
  { results: many(101) },
  { first: undefined, results: many(200), next: "“a”", last: undefined },
  { before: { a: [1] }, one: many(1_000), none: [], two: many(250), after: null },
  { holes: [...many(150), undefined, null] },
])("writes what JSON.stringify does %#", (output) => {
  expect(jsonBytes(output).toString()).toBe(JSON.stringify(output));
});
