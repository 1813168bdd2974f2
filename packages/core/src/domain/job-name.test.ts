import fc from "fast-check";
import { expect, test } from "vitest";
import { JobName, jobNameFault, normaliseJobName } from "./job-name.ts";

test("a name is its NFC form without white space at its ends; case and inner space stay", () => {
  expect(JobName.parse("  Nightly  backup\n")).toBe("Nightly  backup");
  expect(JobName.parse("e\u0301")).toBe("é");
  expect(JobName.parse("\u00a0a\u3000")).toBe("a");
  expect(JobName.parse("a")).not.toBe(JobName.parse("A"));
});

test("a name that is normalised once stays as it is", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      (name) => normaliseJobName(normaliseJobName(name)) === normaliseJobName(name),
    ),
    { numRuns: 2_000 },
  );
});

test("128 characters are allowed, whatever bytes they take; one more is not", () => {
  for (const character of ["a", "ä", "名", "🦊"]) {
    expect(JobName.parse(character.repeat(128))).toBe(character.repeat(128));
    expect(JobName.safeParse(character.repeat(129)).success).toBe(false);
  }
  expect(JobName.parse("e\u0301".repeat(128))).toBe("é".repeat(128));
  expect(jobNameFault("🦊".repeat(129))).toContain("129 characters");
});

test.each([
  ["", "empty"],
  [" \t\n", "empty"],
  ["a\nb", "control characters"],
  ["a\u0000", "control characters"],
  ["a\u007fb", "control characters"],
  ["a\ud800b", "not valid Unicode"],
  ["\udc00", "not valid Unicode"],
])("%j is no name, and the fault is named", (name, fault) => {
  const parsed = JobName.safeParse(name);
  expect(parsed.success).toBe(false);
  expect(parsed.error?.issues).toMatchObject([
    { message: expect.stringContaining(fault) as string, params: { code: "name-invalid" } },
  ]);
});
