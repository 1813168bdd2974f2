import fc from "fast-check";
import { expect, test } from "vitest";
import { parametersOf } from "./parameter-options.ts";

const numberOf = (text: string): unknown => parametersOf([`N=${text}`], [{ name: "N", type: "number" }])["N"];

test("values are what the job declares them to be; what cannot be one stays a text", () => {
  const declared = [{ name: "N", type: "number" } as const, { name: "F", type: "flag" } as const];
  expect(parametersOf(["N=12", "F=true", "T=a=b"], declared)).toEqual({ N: 12, F: true, T: "a=b" });
  expect(parametersOf(["N=many", "F=1"], declared)).toEqual({ N: "many", F: "1" });
});

test("a number that would lose digits is refused with its name", () => {
  for (const text of ["12345678901234567890", "-9007199254740993", "0.12345678901234567890", "1e400", "1e-400"])
    expect(() => numberOf(text)).toThrow(
      expect.objectContaining({
        code: "parameters-invalid",
        field: "parameters.N",
        message: expect.stringContaining(text) as string,
      }) as Error,
    );
});

test("a parameter that is given twice is refused with its name, whatever its values", () => {
  for (const given of [
    ["N=1", "T=1", "N=2"],
    ["T=1", "N=1", "N=1"],
  ])
    expect(() => parametersOf(given, [{ name: "N", type: "number" }])).toThrow(
      expect.objectContaining({
        code: "parameters-invalid",
        field: "parameters.N",
        message: "N is given twice.",
      }) as Error,
    );
});

test("a number that loses nothing is taken, however it is written", () => {
  for (const text of ["0", "-0", "007", "1.50", ".5", "5.", "1e3", "1E-7", "0.1", "9007199254740994", "1e22", "0.0e5"])
    expect(numberOf(text)).toBe(Number(text));
  fc.assert(
    fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
      expect(numberOf(String(value))).toBe(Number(String(value)));
    }),
  );
});
