import { expect, test } from "vitest";
import { signGrant, verifyGrant, type Grant } from "./signed-url.ts";

const NOW_MS = 1_000;
const UPLOAD: Grant = { method: "PUT", key: "runs/a/b", expiresAtMs: 2_000, sizeBytes: 10, sha256: "ab" };
const DOWNLOAD: Grant = { method: "GET", key: "runs/a/b", expiresAtMs: 2_000 };

type Query = Record<string, string>;

const queryOf = (grant: Grant): Query => Object.fromEntries(new URLSearchParams(signGrant("secret", grant)));
const verify = ({ method, key }: Pick<Grant, "method" | "key">, query: Query, nowMs = NOW_MS): Grant | undefined =>
  verifyGrant("secret", { method, key, query }, nowMs);

test.each([UPLOAD, DOWNLOAD])("a grant to $method comes back from its query", (grant) => {
  expect(verify(grant, queryOf(grant))).toEqual(grant);
});

test("a grant ends at its time", () => {
  expect(verify(UPLOAD, queryOf(UPLOAD), 1_999)).toBeDefined();
  expect(verify(UPLOAD, queryOf(UPLOAD), 2_000)).toBeUndefined();
});

test.each<[string, Pick<Grant, "method" | "key">, Query]>([
  ["another key", { ...UPLOAD, key: "runs/a/c" }, queryOf(UPLOAD)],
  ["another method", { ...UPLOAD, method: "GET" }, queryOf(UPLOAD)],
  ["a later end", UPLOAD, { ...queryOf(UPLOAD), expires: "9000" }],
  ["another size", UPLOAD, { ...queryOf(UPLOAD), size: "11" }],
  ["another hash", UPLOAD, { ...queryOf(UPLOAD), sha256: "cd" }],
  ["a size that was not granted", DOWNLOAD, { ...queryOf(DOWNLOAD), size: "0" }],
  ["no size any more", UPLOAD, withoutKey(queryOf(UPLOAD), "size")],
  ["no hash any more", UPLOAD, withoutKey(queryOf(UPLOAD), "sha256")],
  ["no end", UPLOAD, withoutKey(queryOf(UPLOAD), "expires")],
  ["no signature", UPLOAD, withoutKey(queryOf(UPLOAD), "signature")],
  ["nothing at all", UPLOAD, {}],
  ["an empty signature", UPLOAD, { ...queryOf(UPLOAD), signature: "" }],
  ["a signature that is longer", UPLOAD, { ...queryOf(UPLOAD), signature: `${queryOf(UPLOAD)["signature"]}A` }],
  ["a signature by another secret", UPLOAD, Object.fromEntries(new URLSearchParams(signGrant("other", UPLOAD)))],
])("a query with %s is refused", (_, request, query) => {
  expect(verify(request, query)).toBeUndefined();
});

test("any change of the signature is seen", () => {
  const query = queryOf(UPLOAD);
  const { signature = "" } = query;
  for (let at = 0; at < signature.length - 1; at++) {
    const changed = signature.slice(0, at) + (signature[at] === "A" ? "B" : "A") + signature.slice(at + 1);
    expect(verify(UPLOAD, { ...query, signature: changed })).toBeUndefined();
  }
});

function withoutKey(query: Query, key: string): Query {
  return Object.fromEntries(Object.entries(query).filter(([one]) => one !== key));
}
