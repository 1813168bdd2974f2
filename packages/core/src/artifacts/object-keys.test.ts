import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { artifactKey, logKey, payloadKey, runPrefix } from "./object-keys.ts";

const keyOf = (name: string): string => artifactKey({ job: "nightly", run: "run00001", attempt: 1 }, name);
const RUN = "runs/nightly/run00001/";

const part = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(..."%.*~2EeuUd8 /a".split("")), minLength: 1, maxLength: 8 }),
  fc
    .tuple(fc.constantFrom("a", "ä", "%", "🦊", "."), fc.integer({ min: 50, max: 300 }))
    .map(([one, times]) => one.repeat(times)),
);
const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

const PICKED = [
  ".",
  "..",
  "...",
  "%2E",
  "%2E%2E",
  "*",
  "%2A",
  "~",
  "%7E",
  "a",
  "A",
  "a/b",
  "a%2Fb",
  "a//b",
  "/a",
  "a/",
  "a/~",
  "a/%7E",
  "\ud800",
  "\ud801",
  "\ufffd",
  "%ud800",
  "ä",
  "a\u0308",
  "+",
  " ",
  "%20",
];

/** A name that is what a long one becomes once it is cut, and so would share its key. */
const cut = (long: string): string => keyOf(long).split("/").slice(4).join("/");

describe("the key of an artifact", () => {
  test("differs for different names", () => {
    fc.assert(
      fc.property(name, name, (one, other) => (keyOf(one) === keyOf(other)) === (one === other)),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(name, (one) => cut(one) === one || keyOf(cut(one)) !== keyOf(one)),
      { numRuns: 2_000 },
    );
    expect(new Set(PICKED.map(keyOf)).size).toBe(PICKED.length);
  });

  test("differs for long names that begin alike, and from the short name that spells the cut", () => {
    const long = ["a", "b"].map((last) => "n".repeat(254) + last);
    expect(new Set([...long, ...long.map(cut)].map(keyOf)).size).toBe(4);
  });

  test("has segments that every file system and object store takes", () => {
    fc.assert(
      fc.property(fc.oneof(name, fc.constantFrom(...PICKED)), (one) => {
        const key = keyOf(one);
        expect(key.startsWith(`${RUN}1/artifacts/`)).toBe(true);
        for (const segment of key.split("/")) {
          expect(segment).toMatch(/^[A-Za-z0-9%!'()._~-]+$/);
          expect(segment).not.toMatch(/^\.+$/);
          expect(segment.length).toBeLessThanOrEqual(255);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("stays readable", () => {
    expect(keyOf("reports/june.csv")).toBe(`${RUN}1/artifacts/reports/june.csv`);
  });
});

test("all that a run leaves is under its prefix, and nothing of it shares a key", () => {
  expect(runPrefix("nightly", "run00001")).toBe("runs/nightly/run00001");
  expect(logKey({ job: "nightly", run: "run00001", attempt: 2 })).toBe(`${RUN}2/log`);
  expect(payloadKey("ab")).toBe("payloads/ab");
  for (const one of PICKED) expect(keyOf(one).startsWith(`${RUN}log.`)).toBe(false);
});

test("jobs have prefixes of their own, long names too", () => {
  const jobs = ["a", "a/b", "a.b", "..", "*", "_", "~", "🦊".repeat(128), `${"🦊".repeat(127)}a`, "x".repeat(128)];
  const prefixes = jobs.map((job) => runPrefix(job, "run00001"));
  expect(new Set(prefixes).size).toBe(jobs.length);
  for (const prefix of prefixes)
    for (const segment of prefix.split("/")) expect(segment.length).toBeLessThanOrEqual(255);
});
