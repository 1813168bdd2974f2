import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { checkEnvironment } from "./environment.ts";

const KIB = 1024;
/** So many variables that fill 64 KiB each, with the pointer that Linux counts. */
const filled = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`A${String(index).padStart(2, "0")}`, "x".repeat(64 * KIB - 13)]),
  );
const bash = ["bash"];

test.each<[string, Record<string, string>, string, RegExp]>([
  ["a NUL byte", { OK: "1", A: "a\0b" }, "env.A", /variable A: it has NUL/],
  ["half of a character", { A: "a\ud800" }, "env.A", /variable A: it is not valid Unicode/],
  ["more than 128 KiB in one variable", { A: "x".repeat(128 * KIB - 2) }, "env.A", /131073 bytes/],
  ["as much in UTF-8", { A: "ü".repeat(64 * KIB - 1) }, "env.A", /131073 bytes/],
  ["more than 1 MiB in all", filled(16), "env", /at most 1048576/],
])("an environment with %s is refused, and the field named", (...[, env, field, message]) => {
  expect(() => checkEnvironment({ env, interpreter: bash }, "script")).toThrow(
    expect.objectContaining({
      code: "invalid-request",
      field,
      message: expect.stringMatching(message) as string,
    }) as Error,
  );
});

test.each<[string, string[]]>([
  ["a NUL byte", ["bash", "-\0e"]],
  ["half of a character", ["bash", "\udc00"]],
  ["more than 128 KiB", ["bash", "x".repeat(128 * KIB)]],
])("a word of an interpreter with %s is refused, and who said it named", (_, interpreter) => {
  for (const field of ["interpreter", "script"] as const)
    expect(() => checkEnvironment({ env: {}, interpreter }, field)).toThrow(
      expect.objectContaining({ code: "invalid-request", field }) as Error,
    );
});

test("as much as is taken Linux hands to a program", () => {
  for (const env of [filled(15), { A: "x".repeat(128 * KIB - 3) }, { A: "quote \" ' \n 🦊" }]) {
    checkEnvironment({ env, interpreter: bash }, "script");
    const { status, stdout } = spawnSync("/usr/bin/env", ["-0"], { env, maxBuffer: 4 * KIB * KIB });
    expect(status).toBe(0);
    expect(stdout.toString().split("\0").slice(0, -1)).toEqual(
      Object.entries(env).map(([name, value]) => `${name}=${value}`),
    );
  }
});
