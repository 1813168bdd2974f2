import { expect, test } from "vitest";
import { matches, Selector } from "./selector.ts";

const web = { name: "web-1", labels: { zone: "eu", role: "web", gpu: "" } };

test.each([
  ["zone=eu", true],
  ["zone==eu", true],
  ["zone = eu , role=web", true],
  ["zone=eu,role=db", false],
  ["zone!=us", true],
  ["rack!=7", true],
  ["zone in (us, eu)", true],
  ["zone in (us),role=web", false],
  ["zone notin (us, ap)", true],
  ["rack notin (7)", true],
  ["gpu", true],
  ["!gpu", false],
  ["!rack", true],
  ["name=web-1", true],
  ["name in (web-1, web-2)", true],
  ["name!=web-1", false],
  // What every object has is no label.
  ["constructor", false],
])("%s", (selector, isMatch) => {
  expect(Selector.safeParse(selector).success).toBe(true);
  expect(matches(selector, web)).toBe(isMatch);
});

test.each([
  "",
  ",",
  "zone=",
  "=eu",
  "zone=eu,",
  "zone in eu",
  "zone in ()",
  "zone in (a,)",
  "zone > 3",
  "a b",
  "!!gpu",
])("%j is refused, and holds for nobody", (selector) => {
  const parsed = Selector.safeParse(selector);
  expect(parsed.success).toBe(false);
  expect(matches(selector, web)).toBe(false);
});

test("a selector that is wrong says where, and what would be right", () => {
  expect(Selector.safeParse("zone=eu, gpu >= 2").error?.issues[0]?.message).toBe(
    "“gpu >= 2” is no term of a selector: write zone=eu, zone!=eu, zone in (eu, us), zone notin (eu, us), gpu or !gpu, joined by commas.",
  );
});
