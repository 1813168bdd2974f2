import fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkParameters,
  defaultsOf,
  findNeeded,
  Parameter,
  parametersFault,
  parametersJsonSchema,
  shownParameters,
  variablesOf,
} from "./parameters.ts";

const ALL: readonly Parameter[] = [
  { name: "REGION", type: "choice", values: ["eu", "us"], required: true, description: "Where." },
  { name: "count", type: "number", integer: true, min: 1, max: 10, default: 3 },
  { name: "RATIO", type: "number" },
  { name: "NOTE", type: "text", minLength: 2, maxLength: 5, pattern: "[a-z]+" },
  { name: "DRY_RUN", type: "flag", default: false },
];

test("values are those that were given and the defaults, in the order of the declarations", () => {
  expect(Object.entries(checkParameters(ALL, { RATIO: 0.5, REGION: "eu" }))).toEqual([
    ["REGION", "eu"],
    ["count", 3],
    ["RATIO", 0.5],
    ["DRY_RUN", false],
  ]);
  expect(defaultsOf(ALL)).toEqual({ count: 3, DRY_RUN: false });
  expect(findNeeded(ALL)?.name).toBe("REGION");
});

test("a parameter may be called as what every object has", () => {
  const named: Parameter[] = [
    { name: "constructor", type: "text", default: "ours" },
    { name: "toString", type: "text" },
  ];
  expect(checkParameters(named, {})).toEqual({ constructor: "ours" });
  expect(() => checkParameters([{ name: "valueOf", type: "text", required: true }], {})).toThrow("valueOf is missing");
});

test("of a choice of one the value is told from the words", () => {
  const one: Parameter = { name: "A", type: "choice", values: ["a"] };
  expect(() => checkParameters([one], { A: "b" })).toThrow("The parameter A: it is “a”.");
});

test.each<[string, Record<string, unknown>, string, RegExp]>([
  ["one that is missing", {}, "REGION", /REGION is missing/],
  ["one that the job has not", { REGION: "eu", region: "eu" }, "region", /no parameter “region”; it has REGION, count/],
  ["no choice", { REGION: "asia" }, "REGION", /it is one of eu, us/],
  ["a text for a number", { REGION: "eu", count: "3" }, "count", /it is a number/],
  ["a fraction for a whole number", { REGION: "eu", count: 1.5 }, "count", /it is a whole number/],
  ["too small a number", { REGION: "eu", count: 0 }, "count", /it is at least 1/],
  ["too large a number", { REGION: "eu", count: 11 }, "count", /it is at most 10/],
  ["a number for a text", { REGION: "eu", NOTE: 12 }, "NOTE", /it is a text/],
  ["too short a text", { REGION: "eu", NOTE: "a" }, "NOTE", /it has at least 2 characters/],
  ["too long a text", { REGION: "eu", NOTE: "abcdef" }, "NOTE", /it has at most 5 characters/],
  ["a text of which only a part matches", { REGION: "eu", NOTE: "ab;c" }, "NOTE", /does not match \[a-z\]\+/],
  ["a text with a line feed after what matches", { REGION: "eu", NOTE: "abc\n" }, "NOTE", /does not match/],
  ["a text for a flag", { REGION: "eu", DRY_RUN: "true" }, "DRY_RUN", /it is true or false/],
  ["null", { REGION: "eu", RATIO: null }, "RATIO", /it is a number/],
])("%s is refused, and named", (...[, given, name, message]) => {
  expect(() => checkParameters(ALL, given)).toThrow(message);
  expect(() => checkParameters(ALL, given)).toThrow(
    expect.objectContaining({ code: "parameters-invalid", field: `parameters.${name}` }) as Error,
  );
});

test.each<[string, unknown]>([
  ["a NUL byte", "a\0b"],
  ["half of a character", "a\ud800"],
  ["more than 64 KiB", "ü".repeat(32 * 1024 + 1)],
])("a text with %s cannot be in an environment", (_, value) => {
  expect(() => checkParameters([{ name: "A", type: "text" }], { A: value })).toThrow(
    expect.objectContaining({ code: "parameters-invalid", field: "parameters.A" }) as Error,
  );
});

test("all values together are bounded", () => {
  const many: readonly Parameter[] = Array.from({ length: 9 }, (_, index) => ({ name: `A${index}`, type: "text" }));
  const values = Object.fromEntries(many.map(({ name }) => [name, "x".repeat(64 * 1024)]));
  expect(() => checkParameters(many, values)).toThrow(/589824 bytes together/);
  const { A0: _, ...others } = values;
  expect(Object.keys(checkParameters(many, others))).toHaveLength(8);
});

test("every text that an environment can hold arrives as it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (value) => {
      fc.pre(!value.includes("\0"));
      const values = checkParameters([{ name: "A", type: "text" }], { A: value });
      expect(variablesOf(values)).toEqual({ A: value });
    }),
  );
});

test("a number is a decimal without an exponent, and the same number", () => {
  expect(variablesOf({ A: 1e21, B: -1.5e-7, C: 0.1, D: -0, E: 5e-324, F: 1.25e22, G: 12 })).toMatchObject({
    A: "1000000000000000000000",
    B: "-0.00000015",
    C: "0.1",
    D: "0",
    F: "12500000000000000000000",
    G: "12",
  });
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = variablesOf({ A: value })["A"] ?? "";
      expect(text).toMatch(/^-?\d+(\.\d+)?$/);
      expect(Number(text)).toBe(value === 0 ? 0 : value);
    }),
  );
});

test("a flag is true or false", () => {
  expect(variablesOf({ A: true, B: false })).toEqual({ A: "true", B: "false" });
});

test("the JSON Schema says of each parameter what a value must be", () => {
  expect(parametersJsonSchema(ALL)).toEqual({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    required: ["REGION"],
    properties: {
      REGION: { type: "string", enum: ["eu", "us"], description: "Where." },
      count: { type: "integer", minimum: 1, maximum: 10, default: 3 },
      RATIO: { type: "number" },
      NOTE: { type: "string", minLength: 2, maxLength: 5, pattern: "^(?:[a-z]+)$" },
      DRY_RUN: { type: "boolean", default: false },
    },
  });
});

test.each<[string, readonly Parameter[], string, RegExp]>([
  [
    "two of one name",
    [
      { name: "A", type: "flag" },
      { name: "A", type: "text" },
    ],
    "parameters.1.name",
    /two parameters A/,
  ],
  ["a name that the environment has", [{ name: "HOME_DIR", type: "text" }], "env.HOME_DIR", /is a parameter/],
  [
    "a default of another type",
    [{ name: "A", type: "choice", values: ["x"], default: "y" }],
    "parameters.0.default",
    /A/,
  ],
  ["a choice with a NUL", [{ name: "A", type: "choice", values: ["x", "y\0"] }], "parameters.0.values.1", /NUL/],
  ["half a character", [{ name: "A", type: "choice", values: ["\ud800"] }], "parameters.0.values.0", /valid Unicode/],
  [
    "a default out of bounds",
    [{ name: "A", type: "number", max: 1, default: 2 }],
    "parameters.0.default",
    /it is at most 1/,
  ],
  [
    "no regular expression",
    [{ name: "A", type: "text", pattern: "(" }],
    "parameters.0.pattern",
    /no regular expression/,
  ],
  [
    "bounds that leave nothing",
    [{ name: "A", type: "number", min: 2, max: 1 }],
    "parameters.0.type",
    /2 is more than 1/,
  ],
  [
    "bounds that leave no whole number",
    [{ name: "A", type: "number", integer: true, min: 0.2, max: 0.7 }],
    "parameters.0.type",
    /no whole number/,
  ],
  [
    "a whole number that no number can be",
    [{ name: "A", type: "number", integer: true, min: 1e300 }],
    "parameters.0.type",
    /no whole number/,
  ],
  ["a choice twice", [{ name: "A", type: "choice", values: ["a", "b", "a"] }], "parameters.0.values.2", /“a”.*twice/],
  [
    "lengths that leave nothing",
    [{ name: "A", type: "text", minLength: 2, maxLength: 1 }],
    "parameters.0.type",
    /Nothing/,
  ],
  [
    "more than a record may hold",
    Array.from({ length: 20 }, (_, index) => ({ name: `A${index}`, type: "text", description: "x".repeat(500) })),
    "parameters",
    /at most 8192/,
  ],
])("declarations with %s are at fault", (...[, parameters, field, message]) => {
  expect(parametersFault(parameters, { HOME_DIR: "/srv" })).toMatchObject({
    field,
    message: expect.stringMatching(message) as string,
  });
});

test("declarations without a fault have none", () => {
  expect(parametersFault(ALL, { OTHER: "x" })).toBeUndefined();
  for (const bounds of [{}, { min: 0.2, max: 1 }, { min: -0.5, max: 0.5 }, { min: 0.5 }, { max: 0 }])
    expect(parametersFault([{ name: "A", type: "number", integer: true, ...bounds }])).toBeUndefined();
});

test.each(["", "1A", "A-B", "JOBS_RUN", "Ä", "A".repeat(65)])("%j is no name of a parameter", (name) => {
  expect(Parameter.safeParse({ name, type: "flag" }).success).toBe(false);
});

test("what a record keeps for people is short, whatever was given", () => {
  expect(shownParameters({ A: "short", B: 3, C: "x".repeat(300) })).toEqual({
    A: "short",
    B: 3,
    C: `${"x".repeat(200)}…`,
  });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`A${index}`, "\u0001".repeat(1_000)]));
  const shown = shownParameters(many);
  expect(Object.keys(shown)).toHaveLength(50);
  expect(JSON.stringify(shown).length).toBeLessThan(6_000);
  expect(shownParameters({ A: `${"x".repeat(199)}🦊${"x".repeat(9)}` })["A"]).toBe(`${"x".repeat(199)}…`);
});
