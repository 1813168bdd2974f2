import { expect, test } from "vitest";
import { given, madeOf, numberOf } from "./given.ts";

test("an option that was left out is no field; what is null, false, 0 or empty is one", () => {
  const fields = { left: undefined, none: null, off: false, zero: 0, empty: "" };
  expect(Object.entries(given(fields))).toEqual([
    ["none", null],
    ["off", false],
    ["zero", 0],
    ["empty", ""],
  ]);
  expect([madeOf("", () => 1), madeOf(undefined, () => 1)]).toEqual([1, undefined]);
});

test("a number is digits, with or without a fraction", () => {
  expect(["0", "12", "0.5"].map((text) => numberOf(text, "--jitter", "retry"))).toEqual([0, 12, 0.5]);
  for (const text of ["", "-1", "1e3", ".5", "many"])
    expect(() => numberOf(text, "--retries", "retry")).toThrow(
      expect.objectContaining({
        code: "invalid-request",
        field: "retry",
        message: `--retries takes a number, not "${text}".`,
      }) as Error,
    );
});
